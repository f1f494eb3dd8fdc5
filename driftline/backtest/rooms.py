"""What the replay asks of the rooms: it imports none of them, the command line hands them in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from driftline.backtest.recording import Tape
from driftline.kafka.interface import Batch
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer
from driftline.records.loop import ModelEvent, RetrainingJob
from driftline.registry.reference import Reference
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec


@dataclass(frozen=True, slots=True)
class Served:
    """A version as the services load it; `sequence` says which change of champion put it there."""

    version: int
    sequence: int
    scorer: Scorer
    decision: Decision
    reference: Reference


class Consumer(Protocol):
    """The consumer's core."""

    def install(self, served: Served) -> None:
        """Answer with this version from the next batch on."""

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        """Predictions of feature records."""


class Monitor(Protocol):
    """The monitor's core; see `monitoring.core.MonitorCore`."""

    def install(self, version: int, reference: Reference, sequence: int = 0) -> None: ...

    def observe(self, event: ModelEvent) -> None: ...

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step: ...

    def tick(self, now_ms: int) -> Step: ...


class Trainer(Protocol):
    """The trainer's core with a registry of its own."""

    def served(self, event: ModelEvent | None) -> Served:
        """The version that this event put into service, loaded; None: the first one."""

    def answer(self, job: RetrainingJob, now_ms: int) -> list[ModelEvent]:
        """Do the job now; what happened to which version."""


class Rooms(Protocol):
    """Makes the parts of one strategy's loop."""

    def consumer(self, spec: StreamSpec) -> Consumer: ...

    def monitor(self, spec: StreamSpec) -> Monitor: ...

    def trainer(self, spec: StreamSpec, tape: Tape, start: int, folder: Path) -> Trainer:
        """With the first model, of rows [0, start), in service, and a registry in `folder`.

        Raises
        ------
        UsageError : these rows cannot be trained on.
        """
