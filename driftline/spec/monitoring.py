"""What the monitor of a stream watches, how sure it must be, and what it does then."""

from typing import Literal

from pydantic import Field, field_validator

from driftline.spec.false_alarms import false_alarms_per_record
from driftline.spec.features import Strict
from driftline.spec.labelling import LabelsWantedSpec
from driftline.spec.policy import PolicySpec


class ConceptDriftSpec(Strict):
    """Watching P(y|x): the stream of right and wrong answers."""

    detector: Literal["e-detector", "adwin", "ddm", "eddm", "hddm-a", "hddm-w", "kswin", "page-hinkley"] = "e-detector"
    confidence: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="Chance of a false alarm in 10,000 labelled records; null takes it from `false_alarms`.",
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
    confidence: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="False-alarm level over all features of one evaluation; null takes it from `false_alarms`.",
    )
    statistic: Literal["psi", "jensen-shannon", "kolmogorov-smirnov", "wasserstein"] = Field(
        default="psi",
        description="Effect size that must reach its minimum, beside a significant chi-square test. The last two "
        "need an order: categories are then judged by jensen-shannon.",
    )
    minimum_psi: float = Field(
        default=0.2, ge=0, description="Population stability index below which a feature is not called drifted."
    )
    minimum_jensen_shannon: float = Field(
        default=0.19, ge=0, le=1, description="The same of the Jensen-Shannon distance (base 2, 0 to 1)."
    )
    minimum_kolmogorov_smirnov: float = Field(
        default=0.18, ge=0, le=1, description="The same of the largest difference of the two distribution functions."
    )
    minimum_wasserstein: float = Field(
        default=0.41,
        ge=0,
        description="The same of the Wasserstein-1 distance, in standard deviations of the reference.",
    )
    minimum_rate: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Change of the share of missing values, or of unknown categories (0.05 = 5 points), below which it "
        "is not called drift.",
    )
    multivariate: bool = Field(
        default=True,
        description="Whether to watch how numeric features depend on one another, in pairs, which none of them shows "
        "by itself.",
    )
    minimum_correlation: float = Field(
        default=0.3, ge=0, le=2, description="Change of a pair's rank correlation below which it is not called drift."
    )


class MonitoringSpec(Strict):
    """What the monitor watches and remembers."""

    false_alarms: str = Field(
        default="1 per 1_000_000 records",
        description="Most false alarms of the whole monitor, however many features: `N per M records`.",
    )
    label_timeout_seconds: int = Field(default=86_400, ge=1, description="How long a prediction waits for its label.")
    max_pending: int = Field(
        default=200_000, ge=100, description="Most predictions (and most early labels) kept waiting."
    )
    target_accuracy: float | None = Field(
        default=None, gt=0, le=1, description="Accuracy below which people want to be told; for alerts, not for drift."
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
    labels_wanted: LabelsWantedSpec = LabelsWantedSpec()
    concept: ConceptDriftSpec = ConceptDriftSpec()
    data: DataDriftSpec = DataDriftSpec()
    policy: PolicySpec = PolicySpec()

    @field_validator("false_alarms")
    @classmethod
    def _a_rate(cls, text: str) -> str:
        false_alarms_per_record(text)
        return text

    @property
    def false_alarms_per_record(self) -> float:
        """The budget as a rate."""
        return false_alarms_per_record(self.false_alarms)
