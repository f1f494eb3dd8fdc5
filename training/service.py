"""The trainer as a service: the worker under the loop."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Gauge

from driftline.records.loop import ModelEventKind, RetrainingJob
from driftline.service.loop import Hooks, LoopSettings
from driftline.service.registry_metrics import RegistryMetrics
from driftline.service.runtime import Service, ServiceContext
from driftline.tracing.identity import Identity
from driftline.tracing.loop import LoopTraces
from training.data import Dataset, from_batches
from training.gather import gather
from training.worker import TrainerCore


def build(context: ServiceContext) -> Service:
    """Put the trainer together; see `driftline.service.runtime.run_service`."""
    workspace, clock = context.workspace, context.clock
    spec = workspace.spec

    def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
        window = gather(context.client, spec, job.window, clock.monotonic, stop)
        return from_batches(spec, window.features, window.labels, clock.now_ms())

    core = TrainerCore(spec, workspace.registry, workspace.registry_root, collect)
    metrics, registry = _Metrics(context.prometheus), RegistryMetrics(context.prometheus)

    def between() -> None:
        metrics.copy(core)
        while core.registry_failures:
            registry.failed(*core.registry_failures.popitem())

    identity = Identity(spec.stream, spec.observability.traces.share)
    tracing = LoopTraces(spec.topics, identity, context.spans) if context.spans is not None else None
    return Service(
        core=core,
        settings=LoopSettings(
            group=f"{spec.stream}.trainers",
            topics=[spec.topics.retraining_jobs],
            batch_size=1,  # a job is minutes of work; the next one may be another trainer's
            max_wait=0.0,
            transactional_id=(f"{spec.stream}.{context.instance}" if spec.kafka.guarantee == "exactly-once" else None),
        ),
        hooks=Hooks(between=between, tracing=tracing),
        ready=lambda: None if core.warm or core.busy else "TensorFlow is being imported",
        detail=lambda: {
            "job": core.busy,
            "progress": core.progress,
            "log": [line.model_dump() for line in core.log.lines] if core.busy else [],
        },
        close=core.close,
    )


class _Metrics:
    def __init__(self, registry: Any) -> None:
        self._verdicts = PrometheusCounter(
            "driftline_training_verdicts", "Retraining jobs ended, by verdict.", ["verdict"], registry=registry
        )
        for kind in ModelEventKind:
            # There from the start, so that the first verdict is an increase.
            self._verdicts.labels(kind.value)
        self._malformed = PrometheusCounter(
            "driftline_training_jobs_malformed", "Records of the job topic that are no jobs.", registry=registry
        )
        self._busy = Gauge("driftline_training_busy", "1 while a job is under way.", registry=registry)
        self._seen: Counter[str] = Counter()

    def copy(self, core: TrainerCore) -> None:
        for verdict, count in core.verdicts.items():
            self._verdicts.labels(verdict).inc(count - self._seen[verdict])
            self._seen[verdict] = count
        self._malformed.inc(core.malformed - self._seen["malformed"])
        self._seen["malformed"] = core.malformed
        self._busy.set(core.busy is not None)
