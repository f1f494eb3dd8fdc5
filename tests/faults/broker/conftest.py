"""What the broker's faults share. The long ones run where DRIFTLINE_FAULTS=full, as in `make test-faults`."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.faults.broker.trial import Trial, trial
from tests.faults.world import first_models

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark everything here, and leave the slow ones out unless they were asked for."""
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        item.add_marker("faults")
    if os.environ.get("DRIFTLINE_FAULTS") == "full":
        return
    slow = {item for item in mine if item.get_closest_marker("slow")}
    if slow:
        config.hook.pytest_deselected(items=[item for item in items if item in slow])
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one small model, trained once."""
    return first_models(tmp_path_factory.mktemp("models"), versions=2)


@pytest.fixture
def stream_on(
    kafka_installed: None, models: Path, tmp_path: Path, fresh_name: str
) -> Callable[..., AbstractContextManager[Trial]]:
    """`trial` for this test: give it what is special about the cluster."""
    return partial(trial, tmp_path, models, fresh_name)
