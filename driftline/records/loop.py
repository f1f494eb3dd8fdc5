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


class BlamedPart(Record):
    """The share of one class, one device or one value of a segment in a drift.

    `before` and `after` are rates: the error rate at a concept event, the share of the labels of a class at a prior
    event. A device at a data or prediction event has a `score` instead.
    """

    name: str = Field(description="The class, the device or the value.")
    part_of: str = Field(description="'class', 'device', or the feature whose value it is.")
    before: float | None = Field(default=None, ge=0, le=1, description="Rate before the onset.")
    after: float | None = Field(default=None, ge=0, le=1, description="Rate since the onset.")
    records: int = Field(default=0, ge=0, description="Its records since the onset, of those still remembered.")
    score: float | None = Field(default=None, description="Population stability index of its own records.")
    p_value: float | None = Field(default=None, description="After Holm's correction over all parts compared.")
    detail: str = Field(default="", description="What changed, for a person, e.g. 'class \"3\" error 4% → 61%'.")


class DriftKind(StrEnum):
    """What has changed: P(y|x), P(x), the model's answers, P(y)."""

    CONCEPT = "concept"
    DATA = "data"
    PREDICTION = "prediction"
    PRIOR = "prior"


class DriftEvent(Record):
    """What the monitor says: the world has changed, since when, how surely, and what shows it.

    One change is one event: it is opened, updated while more becomes known, and closed, always under the same
    `event_id`. Each record holds all that is known then; the newest one of an event replaces those before.
    """

    event_id: str
    state: Literal["opened", "updated", "closed"] = "opened"
    revision: int = Field(default=0, ge=0, description="How many records of this event came before this one.")
    closed_because: Literal["recovered", "new-version"] | None = Field(
        default=None, description="recovered: the world is as it was; new-version: another model answers now."
    )
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
    classes: list[BlamedPart] = Field(default_factory=list, description="Those hit most first.")
    devices: list[BlamedPart] = Field(default_factory=list, description="Those hit most first.")
    segments: list[BlamedPart] = Field(
        default_factory=list, description="Values of the features in monitoring.segments; those hit most first."
    )
    shape: Literal["abrupt", "gradual", "incremental", "recurring"] | None = Field(
        default=None, description="How the change went; null while too little is known to say."
    )
    cause: Literal["sensor", "world"] | None = Field(
        default=None,
        description="sensor: only a few of many devices show it; world: the others show it too; null: cannot be told.",
    )
    grown: bool = Field(default=False, description="Whether it has grown from a warning to an alarm with this record.")
    told_at: EpochMs | None = Field(default=None, description="When this record was made; detected_at is the first's.")
    summary: str = Field(description="One sentence for a person.")

    @property
    def counts(self) -> bool:
        """Whether with this record it is one more for who counts events: it is new, or has grown to an alarm."""
        return self.state == "opened" or self.grown


class Window(Record):
    """A stretch of the stream by offsets, per partition: [start, end) in features and in labels."""

    features: dict[int, Span]
    labels: dict[int, Span]


JobAction = Literal["retrain-onset", "retrain-window", "continue", "challenge", "recall", "rollback"]


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
    action: JobAction = Field(
        default="retrain-onset",
        description="retrain-onset: an archived version that fits the window, else a training afresh; retrain-window: "
        "a training afresh; continue: a training from the weights in service; challenge: a training afresh if the "
        "newest rows teach more than the version in service knows; recall: an archived version or nothing; "
        "rollback: `target_version`, if it is better on the window, or nothing.",
    )
    target_version: int | None = Field(default=None, description="rollback: the version to go back to.")


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
    action: JobAction | None = Field(default=None, description="What the job asked for, where it changed nothing.")
    at: EpochMs
    reasons: list[str] = Field(default_factory=list)
    metrics: dict[str, float] = Field(default_factory=dict)
    seconds: float | None = Field(default=None, description="From taking the job to the verdict.")
    trained: bool = Field(default=True, description="refused: false if that was clear before anything was trained.")

    @property
    def key(self) -> bytes:
        return b"champion" if self.kind.changes_champion else f"job:{self.job_id}".encode()
