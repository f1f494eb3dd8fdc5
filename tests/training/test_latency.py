"""How long the served form takes, and that one which takes too long is refused."""

from pathlib import Path

import numpy as np

from driftline.model.columns import Columns
from driftline.registry.manifest import Latency
from driftline.registry.registry import Registry
from driftline.spec.training import RolloutSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.initial import train_initial
from training.latency import latency, too_slow


class Counting:
    """A scorer that remembers how many rows it was given."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def score(self, columns: Columns) -> np.ndarray:
        self.rows.append(len(columns))
        return np.full((len(columns), 2), 0.5, dtype=np.float32)


def test_fewer_rows_than_a_batch_are_taken_over_again() -> None:
    scorer = Counting()
    empty = np.empty((3, 0), dtype=object)
    found = latency(scorer, Columns(np.zeros((3, 1), np.float32), empty, empty), batch=8)
    assert set(scorer.rows) == {1, 8}
    assert found.batch_rows == 8
    assert 0 < found.batch_us < found.alone_us


def test_the_limit_names_what_was_measured_and_what_is_allowed() -> None:
    found = Latency(alone_us=120.4, batch_rows=512, batch_us=1.0)
    assert too_slow(RolloutSpec(), found) == []
    assert too_slow(RolloutSpec(maximum_latency_us=121), found) == []
    (line,) = too_slow(RolloutSpec(maximum_latency_us=100), found)
    assert "120 µs" in line and "allows 100" in line


class TestThroughATraining:
    def registry(self, tmp_path: Path, **rollout: object) -> tuple[Registry, list[bool], list[str]]:
        """A weak first model, then a candidate far better than it."""
        spec = numeric_spec().model_copy(update={"rollout": RolloutSpec.model_validate(rollout)})
        registry = Registry(str(tmp_path), spec.stream)
        first = train_initial(spec, numeric_frame(200, turn=1), registry, now_ms=1)
        second = train_initial(spec, numeric_frame(200), registry, now_ms=2)
        reasons = [*first.verdict.reasons, *second.verdict.reasons]
        return registry, [first.verdict.promoted, second.verdict.promoted], reasons

    def test_is_measured_and_kept(self, tmp_path: Path) -> None:
        registry, promoted, _ = self.registry(tmp_path)
        assert promoted == [True, True]
        found = registry.manifest(2).latency
        assert found is not None
        assert found.batch_rows == numeric_spec().serving.batch_size
        assert 0 < found.batch_us < found.alone_us < 100_000

    def test_what_takes_too_long_is_refused_and_leaves_nothing(self, tmp_path: Path) -> None:
        registry, promoted, reasons = self.registry(tmp_path, maximum_latency_us=0.001)
        # The first model is promoted all the same: without one, no record is answered.
        assert promoted == [True, False]
        assert sum("rollout.maximum_latency_us allows 0.001" in reason for reason in reasons) == 2
        assert registry.versions() == [1]
