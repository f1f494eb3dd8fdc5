"""Answers that met their truth, as the console needs them: right or wrong, by which version, and where they stood."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from driftline.kafka.interface import Batch
from driftline.records.loop import Window
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
    label : partition and offset of its label.
    """

    version: int
    correct: bool
    at: int
    feature: tuple[int, int]
    label: tuple[int, int]


class OutcomeJoin:
    """Joins predictions and labels, keeping at most `spec.monitoring.max_pending` of each and the newest outcomes.

    The monitor's own join is exact and survives; this one begins anew with the console and is for a picture.
    """

    def __init__(self, spec: StreamSpec, pending: int = 50_000) -> None:
        self._spec = spec
        self._pending = min(pending, spec.monitoring.max_pending)
        self._answers: OrderedDict[str, tuple[_Prediction, int]] = OrderedDict()
        self._labels: OrderedDict[str, tuple[Answer, int, tuple[int, int]]] = OrderedDict()
        self.newest: deque[Joined] = deque(maxlen=spec.monitoring.policy.maximum_window)
        self.versions: dict[int, int] = {}
        self.malformed = 0
        self.answering: int | None = None

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
            if (early := self._labels.pop(row.record_id, None)) is not None:
                label, labelled, place = early
                yield self._join(row, label, max(at, labelled), place)
            else:
                self._keep(self._answers, row.record_id, (row, at))

    def labels(self, batch: Batch) -> Iterator[Joined]:
        """Take a batch of NAME.labels; yields what it completes."""
        decoded = decode_labels([batch], self._spec.classes)
        self.malformed += len(decoded.malformed)
        times = dict(zip(batch.offsets, batch.timestamps, strict=True))
        for record_id, label, offset in zip(decoded.record_ids, decoded.labels, decoded.offsets.tolist(), strict=True):
            place = (batch.partition, offset)
            if (answer := self._answers.pop(record_id, None)) is not None:
                yield self._join(answer[0], label, max(answer[1], times[offset]), place)
            else:
                self._keep(self._labels, record_id, (label, times[offset], place))

    def window(self, feature_starts: dict[int, int], label_starts: dict[int, int]) -> tuple[Window, int]:
        """The newest outcomes as a retraining window, from these offsets on (none: as far back as is kept)."""
        chosen = [
            one
            for one in self.newest
            if one.feature[1] >= feature_starts.get(one.feature[0], 0)
            and one.label[1] >= label_starts.get(one.label[0], 0)
        ]
        features: dict[int, tuple[int, int]] = {}
        labels: dict[int, tuple[int, int]] = {}
        for spans, places in ((features, (o.feature for o in chosen)), (labels, (o.label for o in chosen))):
            for partition, offset in places:
                start, end = spans.get(partition, (offset, offset))
                spans[partition] = (min(start, offset), max(end, offset + 1))
        return Window(features=features, labels=labels), len(chosen)

    def _keep(self, waiting: OrderedDict[str, T], record_id: str, what: T) -> None:
        waiting[record_id] = what
        if len(waiting) > self._pending:
            waiting.popitem(last=False)

    def _join(self, row: _Prediction, label: Answer, at: int, place: tuple[int, int]) -> Joined:
        said, true = row.prediction, label
        if isinstance(said, list) or isinstance(true, list):
            correct = set([said] if isinstance(said, str) else said) == set([true] if isinstance(true, str) else true)
        else:
            correct = said == true
        joined = Joined(row.model_version, correct, at, (row.source_partition, row.source_offset), place)
        self.newest.append(joined)
        return joined
