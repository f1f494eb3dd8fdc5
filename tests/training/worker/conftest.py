"""A registry with a version in service, and trainers on it."""

from pathlib import Path

import pytest

from driftline.records import ModelEventKind
from driftline.registry import Registry
from tests.registry.made import add_version
from tests.streams import NOW
from tests.training.scripted import Act, Stage
from tests.training.worker.trainer import DATA, SPEC, Collect, Make, Trainer
from training import worker


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Version 1 is in service."""
    made = Registry(str(tmp_path / "models"), SPEC.stream)
    add_version(made, SPEC, tmp_path, 1)
    made.set_champion(1, ModelEventKind.PROMOTED, now_ms=NOW - 1_000)
    return made


@pytest.fixture
def trainer(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a worker whose children act as told; called again, the one that takes over after a crash."""

    def make(*acts: Act, collect: Collect = lambda job, stop: DATA) -> Trainer:
        stage = Stage(*acts)
        monkeypatch.setattr(worker, "TrainingChild", stage)
        return Trainer(registry, stage, collect)

    return make
