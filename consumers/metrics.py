"""What the consumer counts, as Prometheus metrics."""

from collections import Counter
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as PrometheusCounter

from consumers.core import ConsumerCore
from driftline.registry.manifest import Champion
from driftline.service.latency import NOBODY, LatencyHistogram

# From a small version out of a folder (10 ms) to one whose library has to be imported, out of a slow store.
SWAP_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Versions that are named before the one in service.
BEFORE = 3
STAGES = ("fetch", "load", "install")


class ConsumerMetrics:
    """Labels are versions, reasons and stages."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._predictions = PrometheusCounter(
            "driftline_predictions", "Records answered, by model version.", ["version"], registry=registry
        )
        self._dead = PrometheusCounter(
            "driftline_dead_letters", "Records refused, by reason.", ["reason"], registry=registry
        )
        self._latency = LatencyHistogram(
            "driftline_end_to_end_seconds", "From a record's event time to its committed prediction.", registry
        )
        self._version = Gauge("driftline_model_version", "The model version in service.", registry=registry)
        self._before = Gauge(
            "driftline_model_version_before",
            "The versions in service before, by how many swaps ago.",
            ["swaps"],
            registry=registry,
        )
        self._swaps = PrometheusCounter(
            "driftline_model_swaps", "Changes of the version in service.", registry=registry
        )
        self._swap = Histogram(
            "driftline_model_swap_seconds",
            "From the change of champion in the registry to the new version in service.",
            buckets=SWAP_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "driftline_model_swap_stage_seconds",
            "Time of a version's way into service, by stage.",
            ["stage"],
            buckets=SWAP_SECONDS,
            registry=registry,
        )
        for stage in STAGES:
            self._stages.labels(stage)
        self._failures = PrometheusCounter(
            "driftline_model_load_failures", "Champions that could not be loaded.", registry=registry
        )
        self._seen: Counter[object] = Counter()
        self._history: list[int] = []

    def load_failed(self, version: int) -> None:
        self._failures.inc()

    def stage(self, name: str, seconds: float) -> None:
        """A version has passed a stage: 'fetch', 'load' (and warmed), 'install' (the batch at hand has ended)."""
        self._stages.labels(name).observe(seconds)

    def installed(self, champion: Champion, now_ms: int) -> None:
        """This champion is in service from now on."""
        if self._history:
            self._swap.observe(max(0, now_ms - champion.changed_at) / 1_000)
        known = self._history[-1] if self._history else None
        if champion.previous_version not in (None, known):
            self._history.append(champion.previous_version)  # it came and went while this service was away
        self._history = [*self._history, champion.version][-BEFORE - 1 :]
        self._version.set(champion.version)
        for swaps, version in enumerate(reversed(self._history[:-1]), 1):
            self._before.labels(str(swaps)).set(version)

    def committed(self, core: ConsumerCore, now_ms: int, traces: Mapping[int, int] = NOBODY) -> None:
        """What the core answered last is now readable by all; `traces` as `consumers.tracing.AnswerTraces.followed`."""
        if core.answered is not None and len(core.answered):
            self._latency.observe(now_ms - core.answered.event_times, traces)

    def copy(self, core: ConsumerCore) -> None:
        """Carry the core's plain counts over; the core itself knows no metrics."""
        for version, count in core.counts.predictions.items():
            self._predictions.labels(str(version)).inc(self._new(("version", version), count))
        for reason, count in core.counts.dead_letters.items():
            self._dead.labels(reason.value).inc(self._new(("reason", reason), count))
        self._swaps.inc(self._new("swaps", core.counts.swaps))

    def _new(self, key: object, count: int) -> int:
        new, self._seen[key] = count - self._seen[key], count
        return new
