"""The rooms' real cores, as `driftline.backtest` asks for them."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from driftline.backtest.recording import Tape
from driftline.backtest.rooms import Consumer, Monitor, Served, Trainer
from driftline.kafka.interface import Batch
from driftline.records.loop import RetrainingJob
from driftline.registry.registry import Registry
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec


class RealRooms:
    """Makes the parts of each strategy's loop; the first model is trained once for all that train alike.

    Parameters
    ----------
    folder : for the first models, kept as long as this object is used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first: dict[str, Path] = {}

    def consumer(self, spec: StreamSpec) -> Consumer:
        """`consumers.core.ConsumerCore`, which scores the exported model."""
        return _Consumer(spec)

    def monitor(self, spec: StreamSpec) -> Monitor:
        """`monitoring.core.MonitorCore`."""
        from monitoring.core import MonitorCore

        return MonitorCore(spec)

    def trainer(self, spec: StreamSpec, tape: Tape, start: int, folder: Path) -> Trainer:
        """`training.worker.TrainerCore`, with a copy of the first model's registry."""
        from training.data import Dataset, from_batches
        from training.in_process import InProcessTrainer

        shutil.copytree(self._first_model(spec, tape, start), folder, dirs_exist_ok=True)

        def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
            features = [tape.features(*span) for span in job.window.features.values()]
            labels = [tape.labels(*span) for span in job.window.labels.values()]
            return from_batches(spec, features, labels, job.requested_at)

        return InProcessTrainer(spec, folder, collect)

    def _first_model(self, spec: StreamSpec, tape: Tape, start: int) -> Path:
        from training.data import from_batches
        from training.initial import train_rows

        # What a first model depends on: rollout settings count only once there is one to replace.
        key = json.dumps([spec.training.model_dump(mode="json"), spec.rollout.gate, start], sort_keys=True)
        if key not in self._first:
            root = self._folder / f"first-{len(self._first)}"
            features = tape.features(0, start)
            now_ms = features.timestamps[-1] + 1
            rows = from_batches(spec, [features], [tape.labels(0, start)], now_ms)
            train_rows(spec, rows, Registry(str(root), spec.stream), source="backtest", now_ms=now_ms)
            self._first[key] = root
        return self._first[key]


class _Consumer:
    def __init__(self, spec: StreamSpec) -> None:
        from consumers.core import ConsumerCore

        self._core = ConsumerCore(spec)

    def install(self, served: Served) -> None:
        from consumers.core import Version

        self._core.install(Version(served.version, served.sequence, served.scorer, served.decision))

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        return self._core.process(batches, now_ms)
