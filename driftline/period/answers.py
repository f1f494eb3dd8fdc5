"""Answers and their truth, joined from the newest stretch of two topics."""

from collections.abc import Sequence

import numpy as np

from driftline.kafka.interface import Batch
from driftline.period.facts import Answers
from driftline.spec.stream import StreamSpec
from driftline.wire.labels import decode_labels
from driftline.wire.predictions import decode_predictions


def answers_of(
    spec: StreamSpec, predictions: Sequence[Batch], labels: Sequence[Batch], start: int, end: int
) -> tuple[int, Answers]:
    """How many records were scored in [start, end), epoch ms, and those of them whose truth is known, oldest first.

    The first label of a record counts, as in the monitor; of a record that was answered twice, the first answer.
    """
    truth: dict[str, object] = {}
    known = decode_labels(labels, spec.classes)
    for record_id, label in zip(known.record_ids, known.labels, strict=True):
        truth.setdefault(record_id, _plain(label))
    said = decode_predictions(predictions, len(spec.classes))
    inside = np.flatnonzero((said.scored_at >= start) & (said.scored_at < end))
    first: dict[str, int] = {}
    for row in inside.tolist():
        first.setdefault(said.record_ids[row], row)
    rows = np.array([row for record_id, row in first.items() if record_id in truth], dtype=np.int64)
    rows = rows[np.argsort(said.scored_at[rows], kind="stable")]
    right = [_plain(said.answers[row]) == truth[said.record_ids[row]] for row in rows.tolist()]
    answers = Answers(said.scored_at[rows], np.array(right, dtype=np.bool_), said.model_versions[rows])
    return len(first), answers


def _plain(answer: str | list[str]) -> object:
    return answer if isinstance(answer, str) else frozenset(answer)
