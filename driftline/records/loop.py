"""The records of the loop: what the monitor says, what it asks for, and what happened to a version."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from driftline.records.base import EpochMs, Record

Span = tuple[int, int]


class Position(Record):
    """A moment of the stream, as a place on its topics.

    `record_id` names the record at that moment; the offsets say where, in each partition, everything from that
    moment on begins.
    """

    record_id: str | None = None
    event_time: EpochMs | None = None
    features: dict[int, int] = Field(default_factory=dict, description="Partition → offset in NAME.features.")
    labels: dict[int, int] = Field(default_factory=dict, description="Partition → offset in NAME.labels.")


class Blame(Record):
    """One feature's share in a drift."""

    feature: str
    score: float = Field(
        description="Population stability index of the current window against the reference; of a pair of features, "
        "how much their correlation changed."
    )
    p_value: float | None = None
    detail: str = Field(default="", description="What changed, for a person, e.g. 'mean 0.31 → 0.94'.")
    effects: dict[str, float] = Field(
        default_factory=dict,
        description="Further effect sizes: jensen-shannon and kolmogorov-smirnov (0 to 1), wasserstein (in standard "
        "deviations of the reference), missing and unseen (change of the share), correlation (change).",
    )


class DriftKind(StrEnum):
    CONCEPT = "concept"
    DATA = "data"
    PREDICTION = "prediction"


class DriftEvent(Record):
    """What the monitor says: the world has changed, since when, how surely, and which features show it."""

    event_id: str
    stream: str
    kind: DriftKind
    severity: Literal["warning", "alarm"]
    detector: str
    model_version: int
    detected_at: EpochMs
    detected: Position
    onset: Position
    evidence: dict[str, float] = Field(default_factory=dict)
    features: list[Blame] = Field(default_factory=list, description="Most drifted first.")
    summary: str = Field(description="One sentence for a person.")


class Window(Record):
    """A stretch of the stream by offsets, per partition: [start, end) in features and in labels."""

    features: dict[int, Span]
    labels: dict[int, Span]


class RetrainingJob(Record):
    """What the monitor (or a person) asks of the training module."""

    job_id: str
    stream: str
    requested_by: Literal["policy", "operator", "alert"]
    reason: str
    requested_at: EpochMs
    drift_event_id: str | None = None
    champion_version: int
    window: Window
    labelled_records: int = Field(ge=0, description="Labelled records the window held when it was asked for.")


class ModelEventKind(StrEnum):
    PROMOTED = "promoted"
    RECALLED = "recalled"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def changes_champion(self) -> bool:
        return self in (ModelEventKind.PROMOTED, ModelEventKind.RECALLED, ModelEventKind.ROLLED_BACK)


class ModelEvent(Record):
    """What happened to a version.

    Key on the topic: 'champion' for events that change which version answers, else 'job:ID'; so compaction keeps
    the newest champion and one verdict of every job. `sequence` counts champion changes in the registry, so that a
    late or repeated event can be told from a new one.
    """

    event_id: str
    stream: str
    kind: ModelEventKind
    version: int | None = None
    previous_version: int | None = None
    sequence: int = 0
    job_id: str | None = None
    drift_event_id: str | None = None
    at: EpochMs
    reasons: list[str] = Field(default_factory=list)
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds: float | None = Field(default=None, description="From taking the job to the verdict.")

    @property
    def key(self) -> bytes:
        return b"champion" if self.kind.changes_champion else f"job:{self.job_id}".encode()
