"""Answers whose truth is known, and what became of the rest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Answers whose truth is known, as columns of n rows.

    Attributes
    ----------
    answers, labels : class codes int64 [n]; for a multilabel stream masks bool [n, K].
    correct : bool [n]; for a multilabel stream the whole set must be right (subset accuracy).
    confidence : float32 [n].
    event_time, source_partition, source_offset : of the feature record, int64 [n].
    label_partition, label_offset : of the label, int64 [n].
    biased : the record was labelled because of its answer or its features, bool [n]: it does not say how often answers
        are right.
    """

    record_ids: list[str]
    device_ids: list[str]
    correct: NDArray[np.bool_]
    answers: NDArray[Any]
    labels: NDArray[Any]
    confidence: NDArray[np.float32]
    model_version: NDArray[np.int64]
    event_time: NDArray[np.int64]
    source_partition: NDArray[np.int64]
    source_offset: NDArray[np.int64]
    label_partition: NDArray[np.int64]
    label_offset: NDArray[np.int64]
    biased: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.record_ids)

    def by_event_time(self) -> "Outcomes":
        """The rows in the order in which the world made them; ties keep theirs."""
        order = np.argsort(self.event_time, kind="stable")
        columns = {name: getattr(self, name)[order] for name in _ARRAYS}
        return Outcomes(
            record_ids=[self.record_ids[i] for i in order], device_ids=[self.device_ids[i] for i in order], **columns
        )


_ARRAYS = (
    "correct",
    "answers",
    "labels",
    "confidence",
    "model_version",
    "event_time",
    "source_partition",
    "source_offset",
    "label_partition",
    "label_offset",
    "biased",
)


@dataclass(slots=True)
class JoinCounts:
    """What became of predictions and labels so far.

    Attributes
    ----------
    joined : predictions that met their label.
    expired, evicted : predictions given up, for their age and for want of room.
    orphans : labels given up because no prediction came.
    duplicates : labels for a record that already had one; the first counts.
    repeated : predictions of a record that already had one; the first counts.
    malformed : labels that do not fit the task, such as a list of classes on a single-label stream.
    predictions, labels : read, and fit for the join. So predictions are joined, expired, evicted, repeated or still
        waiting, and labels are joined, orphans, duplicates or still waiting.
    """

    predictions: int = 0
    labels: int = 0
    joined: int = 0
    expired: int = 0
    evicted: int = 0
    orphans: int = 0
    duplicates: int = 0
    repeated: int = 0
    malformed: int = 0

    @property
    def coverage(self) -> float:
        """Share of the settled predictions that were judged; 1 before the first is settled."""
        settled = self.joined + self.expired + self.evicted
        return self.joined / settled if settled else 1.0
