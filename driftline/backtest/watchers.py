"""Who says that the world has changed and asks for a retraining: the monitor, a river detector, or the calendar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from driftline.backtest.course import Alarm
from driftline.backtest.recording import Tape
from driftline.backtest.rooms import Monitor, Served
from driftline.kafka.interface import Batch
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob, Window


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the replay, at its end.

    Attributes
    ----------
    row : the next row; everything before it has been measured and answered.
    due : labels of rows before this one have come.
    rows, wrong, versions : the outcomes that came in this block: row, whether the answer was wrong, who gave it.
    """

    row: int
    due: int
    now_ms: int
    features: Batch
    predictions: Batch
    labels: Batch
    rows: NDArray[np.int64]
    wrong: NDArray[np.bool_]
    versions: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Said:
    """What a watcher says after a block."""

    alarms: list[Alarm] = field(default_factory=list)
    jobs: list[RetrainingJob] = field(default_factory=list)
    warnings: int = 0


class Watcher(Protocol):
    """Sees every block; told of every version that goes into service and of every verdict."""

    def installed(self, served: Served) -> None: ...

    def happened(self, event: ModelEvent) -> None: ...

    def saw(self, block: Block) -> Said: ...


class MonitorWatcher:
    """The real monitor's core.

    Parameters
    ----------
    core : the core.
    row_of : record id → row.
    times : event times int64 [n], to place an onset that names no record.
    asks : whether its jobs are answered.
    """

    def __init__(
        self, core: Monitor, row_of: Mapping[str, int], times: NDArray[np.int64], *, asks: bool = True
    ) -> None:
        self._core, self._row_of, self._times, self._asks = core, row_of, times, asks
        self._told: set[str] = set()
        self._warned: set[str] = set()

    def installed(self, served: Served) -> None:
        self._core.install(served.version, served.reference, served.sequence)

    def happened(self, event: ModelEvent) -> None:
        self._core.observe(event)

    def saw(self, block: Block) -> Said:
        batches = [batch for batch in (block.features, block.predictions, block.labels) if len(batch)]
        outputs = [
            *self._core.process(batches, block.now_ms).outputs,
            *self._core.tick(block.now_ms).outputs,
        ]
        said = Said()
        for out in outputs:
            values = [value for value in out.values if value is not None]
            if out.topic.endswith(".drift-events"):
                said.alarms.extend(a for a in (self._alarm(value, block.row) for value in values) if a is not None)
            elif out.topic.endswith(".retraining-jobs") and self._asks:
                said.jobs.extend(RetrainingJob.from_json(value) for value in values)
        return Said(said.alarms, said.jobs, len(self._warned))

    def _alarm(self, value: bytes, row: int) -> Alarm | None:
        """An event is an alarm once, however often it is told again."""
        event = DriftEvent.from_json(value)
        if event.event_id in self._told:
            return None
        if event.severity != "alarm":
            self._warned.add(event.event_id)
            return None
        self._told.add(event.event_id)
        self._warned.discard(event.event_id)
        return Alarm(row - 1, self._onset(event), event.kind.value, tuple(b.feature for b in event.features))

    def _onset(self, event: DriftEvent) -> int | None:
        if (known := self._row_of.get(event.onset.record_id or "")) is not None:
            return known
        if event.onset.event_time is None or not len(self._times):
            return None
        return min(int(np.searchsorted(self._times, event.onset.event_time)), len(self._times) - 1)


class Periodic:
    """Asks every `every` records for a training on the newest `window` labelled ones."""

    def __init__(self, stream: str, tape: Tape, start: int, every: int, window: int) -> None:
        self._stream, self._tape, self._window, self._every = stream, tape, window, every
        self._next = start + every
        self._version = 0

    def installed(self, served: Served) -> None:
        self._version = served.version

    def happened(self, event: ModelEvent) -> None:
        """The calendar does not care."""

    def saw(self, block: Block) -> Said:
        if block.row < self._next:
            return Said()
        self._next += self._every
        first = max(block.due - self._window, 0)
        job = job_of(self._stream, self._tape, first, block, self._version, f"every {self._every} records")
        return Said(jobs=[job])


class DetectorWatcher:
    """One of river's detectors, on river's own settings, on the error stream of the version in service.

    At an alarm it collects `fewest` labelled records from there on and asks for a training on them; it says an alarm
    each time the detector does.

    Parameters
    ----------
    name : the detector's.
    make : a fresh detector, which a new version gets.
    fewest : labelled records that a training needs.
    """

    def __init__(self, name: str, make: Callable[[], Any], stream: str, tape: Tape, fewest: int) -> None:
        self._name, self._make, self._stream, self._tape, self._fewest = name, make, stream, tape, fewest
        self._detector, self._version = make(), 0
        self._since: int | None = None
        self._open = False

    def installed(self, served: Served) -> None:
        self._version, self._detector = served.version, self._make()
        self._since = None

    def happened(self, event: ModelEvent) -> None:
        self._open = False

    def saw(self, block: Block) -> Said:
        said = Said()
        own = block.versions == self._version
        for row, wrong in zip(block.rows[own].tolist(), block.wrong[own].tolist(), strict=True):
            self._detector.update(float(wrong))
            if self._detector.drift_detected:
                said.alarms.append(Alarm(block.row - 1, None, "error"))
                if self._since is None and not self._open:
                    self._since = row
        if self._since is not None and self._tape.labelled(self._since, block.due) >= self._fewest:
            said.jobs.append(job_of(self._stream, self._tape, self._since, block, self._version, self._name))
            self._since, self._open = None, True
        return said


def job_of(stream: str, tape: Tape, first: int, block: Block, version: int, reason: str) -> RetrainingJob:
    """A job for the labelled records from row `first` on."""
    return RetrainingJob(
        job_id=f"job-{block.row}",
        stream=stream,
        requested_by="operator",
        reason=reason,
        requested_at=block.now_ms,
        champion_version=version,
        window=Window(features={0: (first, block.row)}, labels={0: (first, block.due)}),
        labelled_records=tape.labelled(first, block.due),
    )
