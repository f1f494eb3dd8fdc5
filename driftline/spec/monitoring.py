"""What the monitor of a stream watches, how sure it must be, and what it does then."""

from typing import Literal

from pydantic import Field

from driftline.spec.features import Strict
from driftline.spec.policy import PolicySpec


class ConceptDriftSpec(Strict):
    """Watching P(y|x): the stream of right and wrong answers."""

    detector: Literal["adwin", "ddm", "eddm", "hddm-a", "hddm-w", "kswin", "page-hinkley"] = "adwin"
    confidence: float = Field(
        default=1e-4, gt=0, lt=0.5, description="The detector's own false-alarm level; smaller is more careful."
    )
    minimum_effect: float = Field(
        default=0.08,
        ge=0,
        le=1,
        description="Rise of the error rate (0.08 = 8 points) below which a change is only a warning.",
    )


class DataDriftSpec(Strict):
    """Watching P(x): each feature's current window against the model's reference distribution."""

    window: int = Field(default=400, ge=50, le=1_000_000, description="Records in the current window.")
    confidence: float = Field(
        default=1e-3, gt=0, lt=0.5, description="False-alarm level over all features of one evaluation."
    )
    minimum_psi: float = Field(
        default=0.2, ge=0, description="Population stability index below which a feature is not called drifted."
    )


class MonitoringSpec(Strict):
    """What the monitor watches and remembers."""

    label_timeout_seconds: int = Field(default=86_400, ge=1, description="How long a prediction waits for its label.")
    max_pending: int = Field(
        default=200_000, ge=100, description="Most predictions (and most early labels) kept waiting."
    )
    accuracy_window: int = Field(default=500, ge=10, description="Labelled records in the rolling accuracy.")
    update_records: int = Field(
        default=500, ge=50, description="Records of its kind after which a standing drift event is looked at again."
    )
    segments: tuple[str, ...] = Field(
        default=(),
        max_length=8,
        description="Categorical features, or 'device_id', by whose values a rise of the error is broken down.",
    )
    concept: ConceptDriftSpec = ConceptDriftSpec()
    data: DataDriftSpec = DataDriftSpec()
    policy: PolicySpec = PolicySpec()
