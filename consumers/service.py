"""The consumer as a service: the core under the loop, the model follower beside it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Gauge

from consumers.core import ConsumerCore, Version
from driftline.kafka.interface import TopicPartition
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer, open_scorer
from driftline.registry.manifest import Manifest
from driftline.service.follower import ModelFollower
from driftline.service.loop import Hooks, LoopSettings
from driftline.service.registry_metrics import RegistryMetrics
from driftline.service.runtime import Service, ServiceContext

log = structlog.get_logger()


def build(context: ServiceContext) -> Service:
    """Put the consumer together; see `driftline.service.runtime.run_service`."""
    spec, registry = context.workspace.spec, context.workspace.registry
    core = ConsumerCore(spec)
    metrics = _Metrics(context.prometheus)

    def load(manifest: Manifest) -> _Loaded:
        with registry.local_copy(manifest.version) as folder:
            scorer = open_scorer(manifest, folder)
        return _Loaded(scorer, Decision.of(spec, manifest))

    follower = ModelFollower(
        spec,
        context.client,
        registry,
        load,
        failed=metrics.load_failed,
        metrics=RegistryMetrics(context.prometheus),
    )

    def between() -> None:
        if (newest := follower.take()) is not None:
            champion, loaded = newest
            core.install(Version(champion.version, champion.sequence, loaded.scorer, loaded.decision))
        metrics.copy(core)

    def remarked(remarks: Mapping[TopicPartition, str]) -> None:
        core.remarked(remarks.values())
        if not core.open:
            log.info("another member has answered with a newer champion; waiting for it", sequence=core.fence)
            follower.need(core.fence)

    def ready() -> str | None:
        if core.version is None:
            return follower.trouble or "no model in service yet: train one with `driftline train`"
        if not core.open:
            return follower.trouble or f"waiting for champion {core.fence}, which another member has answered with"
        return None

    return Service(
        core=core,
        settings=LoopSettings(
            group=f"{spec.stream}.consumers",
            topics=[spec.topics.features],
            batch_size=spec.serving.batch_size,
            max_wait=spec.serving.max_wait_ms / 1000,
            transactional_id=(f"{spec.stream}.{context.instance}" if spec.kafka.guarantee == "exactly-once" else None),
        ),
        hooks=Hooks(between=between, open=lambda: core.open, remarked=remarked),
        ready=ready,
        detail=lambda: {"version": core.version.number if core.version else None},
        start=follower.start,
        close=follower.close,
    )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the follower's thread makes ready of a version."""

    scorer: Scorer
    decision: Decision


class _Metrics:
    def __init__(self, registry: Any) -> None:
        self._predictions = PrometheusCounter(
            "driftline_predictions", "Records answered, by model version.", ["version"], registry=registry
        )
        self._dead = PrometheusCounter(
            "driftline_dead_letters", "Records refused, by reason.", ["reason"], registry=registry
        )
        self._version = Gauge("driftline_model_version", "The model version in service.", registry=registry)
        self._swaps = PrometheusCounter(
            "driftline_model_swaps", "Changes of the version in service.", registry=registry
        )
        self._failures = PrometheusCounter(
            "driftline_model_load_failures", "Champions that could not be loaded.", registry=registry
        )
        self._seen: Counter[object] = Counter()

    def load_failed(self, version: int) -> None:
        self._failures.inc()

    def copy(self, core: ConsumerCore) -> None:
        """Carry the core's plain counts over; the core itself knows no metrics."""
        for version, count in core.counts.predictions.items():
            self._predictions.labels(str(version)).inc(self._new(("version", version), count))
        for reason, count in core.counts.dead_letters.items():
            self._dead.labels(reason.value).inc(self._new(("reason", reason), count))
        self._swaps.inc(self._new("swaps", core.counts.swaps))
        if core.version:
            self._version.set(core.version.number)

    def _new(self, key: object, count: int) -> int:
        new, self._seen[key] = count - self._seen[key], count
        return new
