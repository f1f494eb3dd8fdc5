"""The books of a run, kept from its topics alone: what came in, what was answered, what was right, what happened."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from driftline.kafka.interface import Batch
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob
from driftline.spec.stream import StreamSpec
from driftline.wire.labels import Answer, decode_labels


class _Prediction(msgspec.Struct, gc=False):
    record_id: str
    prediction: Answer
    model_version: int
    source_partition: int
    source_offset: int


class _DeadLetter(msgspec.Struct, gc=False):
    source_partition: int
    source_offset: int
    reason: str


_prediction = msgspec.json.Decoder(_Prediction).decode
_dead_letter = msgspec.json.Decoder(_DeadLetter).decode


@dataclass(frozen=True, slots=True)
class Outcome:
    """A labelled record: which version answered, and whether it was right."""

    record_id: str
    version: int
    correct: bool


@dataclass(slots=True)
class Ledger:
    """Exact books of a bounded run: it remembers every record, so it is for demos, tests and reports, not for service.

    Every feature record must be answered by exactly one prediction or one dead letter: `lost` and `duplicates` say by
    how much that fails. A record is known by its place on NAME.features, not by its id, which a producer may repeat.
    """

    spec: StreamSpec
    sent: dict[tuple[int, int], int] = field(default_factory=dict)
    """Place of each feature record → its Kafka timestamp."""
    answered: Counter[tuple[int, int]] = field(default_factory=Counter)
    buried: Counter[tuple[int, int]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)
    labels: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    """In the order in which the second of prediction and label arrived."""
    drift_events: list[DriftEvent] = field(default_factory=list)
    """Every record of every drift event, those of one event in the order of its life."""
    jobs: list[RetrainingJob] = field(default_factory=list)
    model_events: list[ModelEvent] = field(default_factory=list)
    latencies: deque[int] = field(default_factory=lambda: deque(maxlen=2_000))
    """Milliseconds from a record's arrival on NAME.features to its prediction's on NAME.predictions, newest last."""
    version_at: dict[str, int] = field(default_factory=dict)
    """Which version answered each record id."""
    _waiting: dict[str, tuple[Answer, int]] = field(default_factory=dict)
    _early: dict[str, Answer] = field(default_factory=dict)

    def take(self, batches: Sequence[Batch]) -> None:
        """Enter records of any of the stream's topics."""
        topics = self.spec.topics
        for batch in batches:
            if batch.topic == topics.features:
                for offset, time in zip(batch.offsets, batch.timestamps, strict=True):
                    self.sent[(batch.partition, offset)] = time
            elif batch.topic == topics.predictions:
                self._predictions(batch)
            elif batch.topic == topics.labels:
                self._labels(batch)
            elif batch.topic == topics.dead_letters:
                for value in batch.values:
                    letter = _dead_letter(value or b"{}")
                    self.buried[(letter.source_partition, letter.source_offset)] += 1
                    self.reasons[letter.reason] += 1
            elif batch.topic == topics.drift_events:
                self.drift_events += [DriftEvent.from_json(value) for value in batch.values if value]
            elif batch.topic == topics.retraining_jobs:
                self.jobs += [RetrainingJob.from_json(value) for value in batch.values if value]
            elif batch.topic == topics.model_events:
                self.model_events += [ModelEvent.from_json(value) for value in batch.values if value]

    @property
    def alarms(self) -> list[DriftEvent]:
        """The records a person was called for: the first of each event, and one more if it grew to an alarm."""
        return [event for event in self.drift_events if event.counts]

    @property
    def lost(self) -> int:
        """Feature records with neither prediction nor dead letter."""
        return sum(place not in self.answered and place not in self.buried for place in self.sent)

    @property
    def duplicates(self) -> int:
        """Answers beyond the first of a record, and records both answered and refused."""
        total = self.answered + self.buried
        return sum(count - 1 for count in total.values() if count > 1)

    @property
    def settled(self) -> bool:
        """Every record seen so far has been answered or refused."""
        return len(self.sent) == len(self.answered.keys() | self.buried.keys())

    def accuracy(self, last: int | None = None) -> float | None:
        """Share of right answers among the newest `last` outcomes (all by default); None without any."""
        chosen = self.outcomes if last is None else self.outcomes[-last:]
        return sum(o.correct for o in chosen) / len(chosen) if chosen else None

    def latency(self) -> tuple[float, float] | None:
        """Median and 99th percentile of the newest latencies, ms."""
        if not self.latencies:
            return None
        median, high = np.percentile(self.latencies, [50, 99])
        return float(median), float(high)

    def _predictions(self, batch: Batch) -> None:
        for value, time in zip(batch.values, batch.timestamps, strict=True):
            row = _prediction(value or b"{}")
            place = (row.source_partition, row.source_offset)
            self.answered[place] += 1
            if self.answered[place] > 1:
                continue
            self.versions[row.model_version] += 1
            self.version_at[row.record_id] = row.model_version
            if (sent := self.sent.get(place)) is not None:
                self.latencies.append(time - sent)
            if (label := self._early.pop(row.record_id, None)) is not None:
                self._join(row.record_id, row.prediction, row.model_version, label)
            else:
                self._waiting[row.record_id] = (row.prediction, row.model_version)

    def _labels(self, batch: Batch) -> None:
        decoded = decode_labels([batch], self.spec.classes)
        self.labels += len(batch)
        for record_id, label in zip(decoded.record_ids, decoded.labels, strict=True):
            if (waiting := self._waiting.pop(record_id, None)) is not None:
                self._join(record_id, *waiting, label)
            elif record_id not in self.version_at:
                self._early.setdefault(record_id, label)  # the first label of a record wins, as in the monitor

    def _join(self, record_id: str, prediction: Answer, version: int, label: Answer) -> None:
        if isinstance(prediction, list) or isinstance(label, list):
            correct = set([prediction] if isinstance(prediction, str) else prediction) == set(
                [label] if isinstance(label, str) else label
            )
        else:
            correct = prediction == label
        self.outcomes.append(Outcome(record_id, version, correct))
