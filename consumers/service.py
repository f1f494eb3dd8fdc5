"""The consumer as a service: the core under the loop, the model follower beside it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from consumers.core import ConsumerCore, Version
from consumers.logs import AnswerLog
from consumers.metrics import ConsumerMetrics
from consumers.tracing import AnswerTraces, SwapTraces
from driftline.kafka.interface import Outgoing, TopicPartition
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer, open_scorer
from driftline.registry.manifest import Manifest
from driftline.service.follower import ModelFollower
from driftline.service.loop import Hooks, LoopSettings
from driftline.service.registry_metrics import RegistryMetrics
from driftline.service.runtime import Service, ServiceContext
from driftline.tracing.identity import Identity

log = structlog.get_logger()

# Counts are scraped every few seconds; carrying them over in each round would cost a slow stream's small batches most.
METRICS_EVERY = 0.5


def build(context: ServiceContext) -> Service:
    """Put the consumer together; see `driftline.service.runtime.run_service`."""
    spec, registry, clock = context.workspace.spec, context.workspace.registry, context.clock
    core = ConsumerCore(spec)
    metrics = ConsumerMetrics(context.prometheus)

    def load(manifest: Manifest) -> _Loaded:
        asked = clock.monotonic()
        with registry.local_copy(manifest.version) as folder:
            fetched = clock.monotonic()
            scorer = open_scorer(manifest, folder)
        ready = clock.monotonic()
        metrics.stage("fetch", fetched - asked)
        metrics.stage("load", ready - fetched)
        return _Loaded(scorer, Decision.of(spec, manifest), ready)

    follower = ModelFollower(
        spec,
        context.client,
        registry,
        load,
        failed=metrics.load_failed,
        metrics=RegistryMetrics(context.prometheus),
    )

    said = AnswerLog(clock.monotonic)
    tracing, swaps = None, None
    if context.spans is not None:
        identity = Identity(spec.stream, spec.observability.traces.share)
        tracing = AnswerTraces(spec, core, identity, context.spans, time.time_ns)
        swaps = SwapTraces(identity, context.spans, time.time_ns)
    copied = float("-inf")

    def between() -> None:
        nonlocal copied
        if (newest := follower.take()) is not None:
            champion, loaded = newest
            core.install(Version(champion.version, champion.sequence, loaded.scorer, loaded.decision))
            waited = clock.monotonic() - loaded.ready
            metrics.stage("install", waited)
            said.installed(champion, waited)
            metrics.installed(champion, clock.now_ms())
            if swaps is not None:
                swaps.installed(champion)
        if swaps is not None:
            swaps.heard(follower.events())
        if (now := clock.monotonic()) - copied >= METRICS_EVERY:
            copied = now
            metrics.copy(core)

    def committed(outputs: Sequence[Outgoing]) -> None:
        followed = tracing.followed if tracing is not None else {}
        metrics.committed(core, clock.now_ms(), followed)
        said.committed(core, followed)

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
        hooks=Hooks(
            between=between,
            open=lambda: core.open,
            remarked=remarked,
            committed=committed,
            tracing=tracing,
        ),
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
    ready: float
    """When, on the monotonic clock."""
