"""A training in this process, behind the same worker as the service's: for replays, where nobody's heartbeat waits."""

from collections.abc import Callable
from pathlib import Path

from driftline.backtest.rooms import Served
from driftline.errors import DriftlineError, UsageError
from driftline.kafka.interface import Batch
from driftline.model.answers import Decision
from driftline.records.loop import ModelEvent, RetrainingJob
from driftline.registry.registry import Registry
from driftline.spec.stream import StreamSpec
from training.archive import load_version
from training.data import Dataset
from training.messages import JobRequest, Message
from training.worker import TrainerCore


class InProcessTraining:
    """Stands where the worker has its child: it is asked, works at once, and has its messages ready afterwards."""

    ready = True
    running = False

    def __init__(self) -> None:
        self._said: list[Message] = []

    def warm(self) -> None:
        """TensorFlow is imported where the first training needs it."""

    def start(self, request: JobRequest) -> None:
        """Train, now."""
        from training.job import run

        try:
            self._said.append({"result": run(request, self._said.append).model_dump(mode="json")})
        except DriftlineError as error:
            self._said.append({"error": str(error), "usage": isinstance(error, UsageError)})
        except Exception as error:  # as the process says it: the worker tries once more, then the job has failed
            self._said.append({"error": f"{type(error).__name__}: {error}", "usage": False})

    def poll(self) -> list[Message]:
        """What was said since the last call."""
        said, self._said = self._said, []
        return said

    def kill(self) -> None:
        """Nothing runs."""


class InProcessTrainer:
    """The worker's core with a registry of its own, driven until it has its verdict.

    Parameters
    ----------
    registry_root : folder in which the first model is in service already.
    collect : reads a job's window.
    """

    def __init__(
        self, spec: StreamSpec, registry_root: Path, collect: Callable[[RetrainingJob, Callable[[], bool]], Dataset]
    ) -> None:
        self._spec = spec
        self._registry = Registry(str(registry_root), spec.stream)
        self._core = TrainerCore(spec, self._registry, str(registry_root), collect, child=InProcessTraining)
        self._sent = 0

    def served(self, event: ModelEvent | None) -> Served:
        """The version that this event put into service, loaded; None: the first one."""
        champion = self._registry.champion()
        version, sequence = (event.version, event.sequence) if event else (None, 0)
        if version is None:
            assert champion is not None, "the first model is put into service before the replay"
            version, sequence = champion.version, champion.sequence
        manifest = self._registry.manifest(version)
        return Served(
            version,
            sequence,
            load_version(self._registry, version),
            Decision.of(self._spec, manifest),
            self._registry.reference(version),
        )

    def answer(self, job: RetrainingJob, now_ms: int) -> list[ModelEvent]:
        """Do the job; what happened to which version."""
        topic = self._spec.topics.retraining_jobs
        batch = Batch(topic, 0, [self._sent], [now_ms], [None], [job.to_json()])
        self._sent += 1
        step = self._core.process([batch], now_ms)
        while step.busy:
            self._core.wait()
            step = self._core.tick(now_ms)
        return [ModelEvent.from_json(value) for out in step.outputs for value in out.values if value is not None]
