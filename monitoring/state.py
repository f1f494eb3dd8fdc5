"""The monitor in numbers: what metrics, pages and reports show. Plain values, made whole and never changed."""

from dataclasses import dataclass, field

from monitoring.class_estimate import ClassesReconciled
from monitoring.estimate import Estimate, Reconciled
from monitoring.expected import ClassEstimates
from monitoring.labels.outcomes import JoinCounts


@dataclass(frozen=True, slots=True)
class MonitorState:
    """One moment of the monitor.

    Attributes
    ----------
    version : the version watched; None before the first `install`.
    accuracy : of the newest `monitoring.accuracy_window` outcomes of all versions; nan before the first.
    accuracy_by_version : version → (outcomes, correct).
    error_rate : of the watched version since its last change; nan before its first outcome.
    lag_histogram : labels joined within each of `monitoring.join.LAG_BUCKETS_MS`, and beyond (not cumulative).
    feature_scores, prediction_scores : population stability index by name.
    events : (kind, severity) → drift events so far; an escalation counts under its new severity.
    jobs : what became of them → how many; 'open' is 0 or 1.
    malformed : values of the predictions and labels topics that could not be read.
    f1 : class → F1 of the watched version over the newest `monitoring.accuracy_window` outcomes.
    calibration_error : of the same answers, once their window is full.
    estimate : accuracy of the watched version's newest answers, judged by their confidences.
    reconciled : how far such estimates were off.
    groups : of the same outcomes as `f1`, by (segment, value): outcomes, right ones; see `monitoring.labels.groups`.
    paused : a person has paused the policy: drift is told of, and nothing is asked for.
    labels_wanted : labels asked for on NAME.labels-wanted.
    classes : F1 of each class and the confusion matrix of the same answers, judged so too; classes in the
        specification's order.
    classes_since_promotion : the same of all answers of the watched version.
    classes_reconciled : how far such estimates of F1 were off.
    """

    version: int | None = None
    accuracy: float = float("nan")
    accuracy_by_version: dict[int, tuple[int, int]] = field(default_factory=dict)
    labelled: int = 0
    error_rate: float = float("nan")
    suspecting: bool = False
    standing: tuple[str, ...] = ()
    join: JoinCounts = field(default_factory=JoinCounts)
    waiting_predictions: int = 0
    waiting_labels: int = 0
    lag_histogram: tuple[int, ...] = ()
    lag_sum_ms: int = 0
    lag_p50_ms: float = float("nan")
    lag_p95_ms: float = float("nan")
    feature_scores: dict[str, float] = field(default_factory=dict)
    prediction_scores: dict[str, float] = field(default_factory=dict)
    events: dict[tuple[str, str], int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    malformed: int = 0
    f1: dict[str, float] = field(default_factory=dict)
    calibration_error: float = float("nan")
    estimate: Estimate = field(default_factory=Estimate)
    reconciled: Reconciled = field(default_factory=Reconciled)
    groups: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    paused: bool = False
    labels_wanted: int = 0
    classes: ClassEstimates = field(default_factory=ClassEstimates)
    classes_since_promotion: ClassEstimates = field(default_factory=ClassEstimates)
    classes_reconciled: ClassesReconciled = field(default_factory=ClassesReconciled)
