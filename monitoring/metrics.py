"""The monitor's state as Prometheus metrics."""

import math
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from driftline.spec.stream import StreamSpec
from monitoring.labels.join import LAG_BUCKETS_MS
from monitoring.state import MonitorState

FEATURES_SHOWN = 200
"""Features with a gauge of their own; each is a time series, and a wide stream must not swamp the server."""

CLASSES_SHOWN = 100
"""The same for classes."""

CONFUSION_SHOWN = 10
"""Most classes with a gauge for each pair."""

_PREFIX = "driftline_monitor"


class MonitorMetrics(Collector):
    """Shows the newest state it was given; made whole at each scrape, so no two numbers disagree.

    Parameters
    ----------
    registry : where to register.
    spec : the stream.
    """

    def __init__(self, registry: CollectorRegistry, spec: StreamSpec) -> None:
        self._spec = spec
        self._shown = [feature.name for feature in spec.features[:FEATURES_SHOWN]]
        self._state = MonitorState()
        registry.register(self)

    def update(self, state: MonitorState) -> None:
        """Show this state from now on; may be called from another thread than the scrape's."""
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        info = GaugeMetricFamily(
            f"{_PREFIX}_info", "What is monitored, and with which detector.", labels=["stream", "detector"]
        )
        info.add_metric([self._spec.stream, self._spec.monitoring.concept.detector], 1)
        yield info
        yield from self._quality(state)
        yield from self._labels(state)
        yield from self._drift(state)

    def _quality(self, state: MonitorState) -> Iterable[Metric]:
        yield _gauge("model_version", "Version in service, as far as the monitor knows.", state.version or 0)
        yield _gauge(
            "accuracy_ratio",
            f"Accuracy of the newest {self._spec.monitoring.accuracy_window} labelled records.",
            state.accuracy,
        )
        f1 = GaugeMetricFamily(
            f"{_PREFIX}_f1_ratio", "F1 of the version in service, by class, over the same window.", labels=["class"]
        )
        for name in self._spec.classes[:CLASSES_SHOWN]:
            if name in state.f1:
                f1.add_metric([name], state.f1[name])
        yield f1
        yield from _groups(state)
        yield _gauge("calibration_error_ratio", "How far confidence is from accuracy.", state.calibration_error)
        estimate, reconciled = state.estimate, state.reconciled
        yield _gauge(
            "estimated_accuracy_ratio",
            "Accuracy of the newest answers, judged by their confidences.",
            estimate.accuracy,
        )
        bounds = GaugeMetricFamily(f"{_PREFIX}_estimated_accuracy_bound_ratio", "Its 95 % interval.", labels=["bound"])
        bounds.add_metric(["low"], estimate.low)
        bounds.add_metric(["high"], estimate.high)
        yield bounds
        yield _gauge(
            "estimate_error_ratio", "Mean distance of estimated accuracy and truth, once known.", reconciled.error
        )
        yield _gauge(
            "estimate_coverage_ratio", "Share of the windows whose truth lay in the interval.", reconciled.covered
        )
        yield from self._estimated_classes(state)
        yield _gauge(
            "target_accuracy_ratio",
            "What the specification asks for; NaN if it asks for nothing.",
            math.nan if (target := self._spec.monitoring.target_accuracy) is None else target,
        )
        yield _gauge("concept_error_ratio", "Error rate since the last change of the error rate.", state.error_rate)
        yield _gauge(
            "concept_suspecting", "1 while the detector suspects a change that is not clear yet.", state.suspecting
        )

    def _estimated_classes(self, state: MonitorState) -> Iterable[Metric]:
        spans = {"window": state.classes, "version": state.classes_since_promotion}
        f1 = GaugeMetricFamily(
            f"{_PREFIX}_estimated_f1_ratio",
            "F1 of each class, judged by probabilities: of the newest answers, and of all of the version.",
            labels=["class", "span"],
        )
        macro = GaugeMetricFamily(f"{_PREFIX}_estimated_macro_f1_ratio", "Their mean.", labels=["span"])
        bounds = GaugeMetricFamily(
            f"{_PREFIX}_estimated_f1_bound_ratio",
            "The 95 % interval of the newest answers' F1.",
            labels=["class", "bound"],
        )
        for span, found in spans.items():
            macro.add_metric([span], found.macro_f1)
            for name, value in zip(self._spec.classes, found.f1.tolist(), strict=False):
                f1.add_metric([name, span], value)
        for name, low, high in zip(
            self._spec.classes, state.classes.low.tolist(), state.classes.high.tolist(), strict=False
        ):
            bounds.add_metric([name, "low"], low)
            bounds.add_metric([name, "high"], high)
        confusion = GaugeMetricFamily(
            f"{_PREFIX}_estimated_confusion_ratio",
            "Share of all answers of the version with this answer and this truth, judged by probabilities.",
            labels=["answer", "truth"],
        )
        whole = state.classes_since_promotion
        if whole.confusion.ndim == 2 and len(whole.confusion) <= CONFUSION_SHOWN and whole.rows:
            for i, answer in enumerate(self._spec.classes):
                for j, truth in enumerate(self._spec.classes):
                    confusion.add_metric([answer, truth], float(whole.confusion[i, j]) / whole.rows)
        yield from (f1, bounds, macro, confusion)
        yield _gauge(
            "estimate_f1_error_ratio", "Mean distance of estimated F1 and truth.", state.classes_reconciled.error
        )
        yield _gauge(
            "estimate_f1_coverage_ratio",
            "Share of these whose truth lay in the interval.",
            state.classes_reconciled.covered,
        )

    def _labels(self, state: MonitorState) -> Iterable[Metric]:
        join = state.join
        yield _counter("labels_joined_total", "Labels that met their prediction.", join.joined)
        yield _counter("labels_orphaned_total", "Labels given up without a prediction.", join.orphans)
        yield _counter("labels_duplicate_total", "Labels for a record that already had one.", join.duplicates)
        yield _counter("predictions_repeated_total", "Predictions of a record that already had one.", join.repeated)
        yield _counter(
            "records_malformed_total", "Unreadable predictions and labels.", state.malformed + join.malformed
        )
        unlabelled = CounterMetricFamily(
            f"{_PREFIX}_predictions_unlabelled", "Predictions given up without a label.", labels=["reason"]
        )
        unlabelled.add_metric(["expired"], join.expired)
        unlabelled.add_metric(["evicted"], join.evicted)
        yield unlabelled
        yield _counter("labels_wanted_total", "Labels asked for on NAME.labels-wanted.", state.labels_wanted)
        yield _gauge("label_coverage_ratio", "Share of the settled predictions that got a label.", join.coverage)
        waiting = GaugeMetricFamily(f"{_PREFIX}_waiting", "Records waiting for their other half.", labels=["side"])
        waiting.add_metric(["predictions"], state.waiting_predictions)
        waiting.add_metric(["labels"], state.waiting_labels)
        yield waiting
        yield self._lag(state)

    def _lag(self, state: MonitorState) -> Metric:
        buckets, total = [], 0
        bounds = [*(str(ms / 1_000) for ms in LAG_BUCKETS_MS), "+Inf"]
        for bound, count in zip(bounds, state.lag_histogram or (0,) * len(bounds), strict=True):
            total += count
            buckets.append((bound, total))
        lag = HistogramMetricFamily(f"{_PREFIX}_label_lag_seconds", "From prediction to label.")
        lag.add_metric([], buckets, state.lag_sum_ms / 1_000)
        return lag

    def _drift(self, state: MonitorState) -> Iterable[Metric]:
        scores = GaugeMetricFamily(
            f"{_PREFIX}_feature_drift_psi",
            "Population stability index of the current window, less its bias.",
            labels=["feature"],
        )
        for name in self._shown:
            if name in state.feature_scores:
                scores.add_metric([name], state.feature_scores[name])
        yield scores
        largest = max(state.feature_scores.values(), default=math.nan)
        yield _gauge("feature_drift_psi_max", "The largest of all features.", largest)
        answers = GaugeMetricFamily(
            f"{_PREFIX}_prediction_drift_psi", "The same of the model's answers.", labels=["variable"]
        )
        for name, score in state.prediction_scores.items():
            answers.add_metric([name.strip("()")], score)
        yield answers
        events = CounterMetricFamily(f"{_PREFIX}_drift_events", "Drift events.", labels=["kind", "severity"])
        for (kind, severity), count in state.events.items():
            events.add_metric([kind, severity], count)
        yield events
        standing = GaugeMetricFamily(f"{_PREFIX}_drift_standing", "1 while a drift is not over.", labels=["kind"])
        for kind in ("concept", "data", "prediction", "prior"):
            standing.add_metric([kind], kind in state.standing)
        yield standing
        jobs = CounterMetricFamily(
            f"{_PREFIX}_retraining_jobs", "Retraining jobs by what became of them.", labels=["state"]
        )
        for name, count in state.jobs.items():
            if name != "open":
                jobs.add_metric([name], count)
        yield jobs
        yield _gauge("retraining_jobs_open", "Jobs without a verdict.", state.jobs.get("open", 0))
        yield _gauge("policy_paused", "1 while a person has paused the policy.", state.paused)


def _groups(state: MonitorState) -> Iterable[Metric]:
    labels = ["segment", "value"]
    right = GaugeMetricFamily(
        f"{_PREFIX}_group_accuracy_ratio", "Accuracy by group, over the same window.", labels=labels
    )
    outcomes = GaugeMetricFamily(f"{_PREFIX}_group_outcomes", "Labelled records that it is of.", labels=labels)
    for group, (count, correct) in state.groups.items():
        right.add_metric(group, correct / count)
        outcomes.add_metric(group, count)
    yield right
    yield outcomes


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"{_PREFIX}_{name}", text, value=value)
