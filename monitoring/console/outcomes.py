"""Answers that met their truth, as the console needs them: right or wrong, by which version, and where they stood."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from driftline.kafka.interface import Batch
from driftline.spec.stream import StreamSpec
from driftline.wire.labels import decode_labels

Answer = str | list[str]
T = TypeVar("T")


class _Prediction(msgspec.Struct, gc=False):
    record_id: str
    prediction: Answer
    model_version: int
    source_partition: int
    source_offset: int


_decode = msgspec.json.Decoder(_Prediction).decode


@dataclass(frozen=True, slots=True)
class Joined:
    """A labelled answer.

    Attributes
    ----------
    at : when the later of the two was written, epoch ms.
    """

    version: int
    correct: bool
    at: int


class OutcomeJoin:
    """Joins predictions and labels, keeping at most `spec.monitoring.max_pending` of each.

    The monitor's own join is exact and survives; this one begins anew with the console and is for a picture.
    """

    def __init__(self, spec: StreamSpec, pending: int = 50_000) -> None:
        self._spec = spec
        self._pending = min(pending, spec.monitoring.max_pending)
        self._answers: OrderedDict[str, tuple[_Prediction, int]] = OrderedDict()
        self._labels: OrderedDict[str, tuple[Answer, int]] = OrderedDict()
        self.versions: dict[int, int] = {}
        self.malformed = 0
        self.answering: int | None = None
        self.answered: dict[int, int] = {}

    def predictions(self, batch: Batch) -> Iterator[Joined]:
        """Take a batch of NAME.predictions; yields what it completes."""
        for value, at in zip(batch.values, batch.timestamps, strict=True):
            try:
                row = _decode(value or b"")
            except (msgspec.MsgspecError, UnicodeError):
                self.malformed += 1
                continue
            self.versions[row.model_version] = self.versions.get(row.model_version, 0) + 1
            self.answering = row.model_version
            self.answered[row.source_partition] = row.source_offset
            if (early := self._labels.pop(row.record_id, None)) is not None:
                label, labelled = early
                yield self._join(row, label, max(at, labelled))
            else:
                self._keep(self._answers, row.record_id, (row, at))

    def labels(self, batch: Batch) -> Iterator[Joined]:
        """Take a batch of NAME.labels; yields what it completes."""
        decoded = decode_labels([batch], self._spec.classes)
        self.malformed += len(decoded.malformed)
        times = dict(zip(batch.offsets, batch.timestamps, strict=True))
        for record_id, label, offset in zip(decoded.record_ids, decoded.labels, decoded.offsets.tolist(), strict=True):
            if (answer := self._answers.pop(record_id, None)) is not None:
                yield self._join(answer[0], label, max(answer[1], times[offset]))
            else:
                self._keep(self._labels, record_id, (label, times[offset]))

    def _keep(self, waiting: OrderedDict[str, T], record_id: str, what: T) -> None:
        waiting[record_id] = what
        if len(waiting) > self._pending:
            waiting.popitem(last=False)

    def _join(self, row: _Prediction, label: Answer, at: int) -> Joined:
        said, true = row.prediction, label
        if isinstance(said, list) or isinstance(true, list):
            correct = set([said] if isinstance(said, str) else said) == set([true] if isinstance(true, str) else true)
        else:
            correct = said == true
        return Joined(row.model_version, correct, at)
