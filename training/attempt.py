"""One job under way, and the process that trains for it."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from driftline.errors import DriftlineError
from driftline.records.loop import RetrainingJob
from driftline.registry.manifest import Champion
from training.data import Dataset
from training.messages import JobRequest, JobResult, Message


class Child(Protocol):
    """What trains; see `training.child.TrainingChild`."""

    ready: bool

    def warm(self) -> None: ...

    def start(self, request: JobRequest) -> None: ...

    def poll(self) -> list[Message]: ...

    def kill(self) -> None: ...


@dataclass(slots=True)
class Attempt:
    """One job under way."""

    job: RetrainingJob
    champion: Champion | None
    started: int
    folder: Path
    number: int = 1
    dataset: Dataset | None = None
    fault: DriftlineError | None = None
    child: Child | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    collector: threading.Thread | None = None
    result: JobResult | None = None
    """Reached, and not in the registry yet."""
    again: int = 0
    """Epoch ms before which the registry is not asked again."""
    away: str = ""
    """What the registry said last, while it is away."""

    @property
    def out(self) -> Path:
        return self.folder / f"model-{self.number}"
