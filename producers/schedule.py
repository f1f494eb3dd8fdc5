"""The schedule of a stream: which features and which labels go out when. No clock and no Kafka: time is an argument."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from producers.delay import LabelDelay, LabelQueue, PendingLabel
from producers.pacing import Pacer
from producers.rows import NOTHING, Rows

# The most features of one step. Sending 512 takes kafka-python some 25 ms: at half the step's own cost begins to
# show, at double a label of a short delay waits needlessly.
STEP_RECORDS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How records and labels are delivered, whatever their source.

    Attributes
    ----------
    rate : records a second; None is as fast as Kafka takes them.
    label_delay : how long after its record a label follows.
    jitter : share j of the delay: each label's own delay is uniform in [(1 - j), (1 + j)] of it.
    missing_labels : share of the labels that never arrive.
    seed : of the jitter and of the choice of missing labels.

    Raises
    ------
    UsageError : a value outside its range.
    """

    rate: float | None = 1_000.0
    label_delay: LabelDelay = field(default_factory=lambda: LabelDelay(100, "records"))
    jitter: float = 0.0
    missing_labels: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.rate is not None and not (math.isfinite(self.rate) and self.rate > 0):
            raise UsageError(f"rate: read {self.rate}; allowed: more than 0 records a second, or 'max'")
        for name in ("jitter", "missing_labels"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name}: read {getattr(self, name)}; allowed: a share from 0 to 1")
        if self.seed < 0:
            raise UsageError(f"seed: read {self.seed}; allowed: 0 or more")


def parse_rate(text: str) -> float | None:
    """Records a second from '500' or 'max' (None).

    Raises
    ------
    UsageError : anything else.
    """
    if text.strip().lower() == "max":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"rate: read {text!r}; allowed: a number of records a second, or 'max'") from None


@dataclass(frozen=True, slots=True)
class Step:
    """What goes out now: features first, then labels.

    Attributes
    ----------
    features : the source's next records; their event time is the time of the step.
    labels : labels that arrive now; `labelled_at` is the time of the step.
    withheld : labels decided, with these features, never to arrive (or not known by the source).
    done : nothing more will come.
    """

    features: Rows
    labels: Sequence[PendingLabel]
    withheld: int
    done: bool


class Schedule:
    """Deals out the records of `source` at the delivery's rate, and each one's label after its delay.

    Every record goes out once and in the source's order; every label once or never, never in an earlier step than
    its record. Delays in records are counted in records sent; what is still on its way when the source ends arrives
    then. Which labels are late by how much, or missing, depends on the seed and the record's place in the stream
    alone, not on when or how often `advance` is called.
    """

    def __init__(self, source: Iterator[Rows], delivery: Delivery) -> None:
        self._source = source
        self._delivery = delivery
        self._pacer = Pacer(delivery.rate)
        self._random = np.random.default_rng(delivery.seed)
        self._queue = LabelQueue()
        self._by_records = delivery.label_delay.unit == "records"
        # Labels leave between steps: a step longer than their delay in records would make them later than asked.
        delay = int(delivery.label_delay.amount) if self._by_records else 0
        self._most = max(16, min(STEP_RECORDS, delay)) if delay else STEP_RECORDS
        self._sent = 0
        self._block: Rows | None = None
        self._draws: NDArray[np.float64] = np.empty((0, 2))
        self._place = 0
        self._fetch()

    @property
    def pending_labels(self) -> int:
        """Labels on their way."""
        return len(self._queue)

    def advance(self, now: float) -> Step:
        """What goes out at `now`, in seconds; times must not go back."""
        features, withheld = NOTHING, 0
        if self._block is not None:
            end = self._place + self._pacer.release(now, min(self._most, len(self._block) - self._place))
            piece = slice(self._place, end)
            features = self._block.take(piece)
            withheld = self._enqueue(features, self._draws[piece], now)
            self._place = end
            if end == len(self._block):
                self._fetch()
        if self._by_records:
            labels = self._queue.pop_due(math.inf if self._block is None else self._sent)
        else:
            labels = self._queue.pop_due(now)
        return Step(features, labels, withheld, done=self._block is None and not len(self._queue))

    def next_due(self, now: float) -> float:
        """When `advance` will next have something to give, in seconds; not before `now`."""
        label = None if self._by_records else self._queue.next_due()
        if self._block is None:
            return now if label is None else max(now, label)
        due = self._pacer.next_due(now)
        return due if label is None else max(now, min(due, label))

    def _fetch(self) -> None:
        self._place = 0
        for block in self._source:
            if len(block):
                self._block = block
                # Two draws a record, in stream order: one generator gives the same ones however blocks are cut.
                self._draws = self._random.random((len(block), 2))
                return
        self._block = None

    def _enqueue(self, rows: Rows, draws: NDArray[np.float64], now: float) -> int:
        withheld = 0
        delay = self._delivery.label_delay.amount
        missing, jitter = self._delivery.missing_labels, self._delivery.jitter
        for record_id, device_id, label, (lost, late) in zip(
            rows.record_ids, rows.device_ids, rows.labels, draws.tolist(), strict=True
        ):
            self._sent += 1
            if label is None or lost < missing:
                withheld += 1
                continue
            own = delay * (1 + jitter * (2 * late - 1))
            due = self._sent + round(own) if self._by_records else now + own
            self._queue.push(due, PendingLabel(record_id, device_id, label))
        return withheld
