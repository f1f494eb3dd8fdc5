"""The monitor as a service: the core under the loop, the model follower beside it."""

import structlog

from driftline.registry.manifest import Manifest
from driftline.registry.reference import Reference
from driftline.service.act_follower import ActFollower
from driftline.service.follower import ModelFollower
from driftline.service.loop import Hooks, LoopSettings
from driftline.service.recovery import Checkpointing
from driftline.service.registry_metrics import RegistryMetrics
from driftline.service.runtime import Service, ServiceContext
from driftline.tracing.identity import Identity
from driftline.tracing.loop import LoopTraces
from monitoring.core import MonitorCore
from monitoring.logs import tell
from monitoring.metrics import MonitorMetrics

log = structlog.get_logger()

# Records taken at once: large enough that decoding by columns pays, small enough that an alarm is not held up by it.
BATCH = 2_000
# Longest the first of them waits for company, seconds. Nobody waits for the monitor as they wait for an answer, and
# every round is a transaction: at 0.005 s, as in serving, a slow stream would cost a quarter of a core.
WAIT = 0.1
# Metrics are scraped every few seconds; making them for each round would cost more than the round.
METRICS_EVERY = 0.5


def build(context: ServiceContext) -> Service:
    """Put the monitor together; see `driftline.service.runtime.run_service`.

    One member of the group watches all partitions and the others stand by, because a detector's evidence is the whole
    stream. What it remembers is committed with its offsets, so that after a kill, a takeover or an aborted round it
    goes on from what was committed.
    """
    spec, registry = context.workspace.spec, context.workspace.registry
    core = MonitorCore(spec)
    metrics = MonitorMetrics(context.prometheus, spec)

    def load(manifest: Manifest) -> Reference:
        return registry.reference(manifest.version)

    follower = ModelFollower(spec, context.client, registry, load, metrics=RegistryMetrics(context.prometheus))

    acts = ActFollower(spec, context.client)
    shown, restores = float("-inf"), 0

    def between() -> None:
        nonlocal shown, restores
        if core.restores != restores:
            restores = core.restores
            for note in core.restore_notes:
                log.warning("the state fits only in part", reason=note)
        if (newest := follower.take()) is not None:
            champion, reference = newest
            core.install(champion.version, reference, champion.sequence)
        for event in follower.events():
            core.observe(event)
        for act in acts.take(restored=core.restores):
            core.told(act)
        if (now := context.clock.monotonic()) - shown >= METRICS_EVERY:
            shown = now
            metrics.update(core.state())

    identity = Identity(spec.stream, spec.observability.traces.share)
    tracing = LoopTraces(spec.topics, identity, context.spans) if context.spans is not None else None

    def start() -> None:
        follower.start()
        acts.start()

    def close() -> None:
        follower.close()
        acts.close()

    return Service(
        core=core,
        settings=LoopSettings(
            group=f"{spec.stream}.monitors",
            topics=[spec.topics.features, spec.topics.predictions, spec.topics.labels],
            batch_size=BATCH,
            max_wait=WAIT,
            exclusive=True,
            checkpoint=Checkpointing(spec.topics.monitor_state),
            transactional_id=(f"{spec.stream}.{context.instance}" if spec.kafka.guarantee == "exactly-once" else None),
        ),
        hooks=Hooks(
            between=between,
            open=lambda: core.version is not None,
            tracing=tracing,
            committed=lambda outputs: tell(spec.topics, outputs),
        ),
        ready=lambda: (
            None if core.version else follower.trouble or "no model in service yet: train one with `driftline train`"
        ),
        detail=lambda: {"version": core.version},
        start=start,
        close=close,
    )
