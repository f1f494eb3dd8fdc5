"""What the newest rows teach, and whether the version in service withstands it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftline.registry.registry import Registry
from tests.training.conftest import numeric_frame, numeric_spec
from tests.training.test_recall import Known
from tests.training.test_returning import ask
from training.challenge import challenged
from training.data import from_frame
from training.initial import train_initial
from training.learnable import learnable

SPEC = numeric_spec()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two versions; the second, in service, knows the blobs by other names."""
    root = str(tmp_path_factory.mktemp("models"))
    registry = Registry(root, SPEC.stream)
    for turn in (0, 1):
        assert train_initial(SPEC, numeric_frame(150, turn=turn), registry, now_ms=turn + 1).manifest is not None
    return root


class TestLearnable:
    def test_rows_that_teach(self) -> None:
        right, n = learnable(SPEC, from_frame(SPEC, numeric_frame(300)))
        assert n == len(right) == 300
        assert right.mean() > 0.9

    def test_labels_by_chance_teach_nothing(self) -> None:
        frame = numeric_frame(300)
        frame["label"] = np.random.default_rng(1).permutation(frame["label"])
        right, _ = learnable(SPEC, from_frame(SPEC, frame))
        assert right.mean() < 0.5

    def test_neighbours_do_not_teach_each_other(self) -> None:
        """Ten runs, each at a place of its own with a label by chance: who has not seen a run knows nothing of it."""
        rng = np.random.default_rng(2)
        frame = numeric_frame(300)
        frame[["x0", "x1", "x2"]] = np.repeat(rng.normal(size=(10, 3)), 30, axis=0) * 5
        frame["label"] = np.repeat(rng.permutation(["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"]), 30)
        right, _ = learnable(SPEC, from_frame(SPEC, frame))
        assert right.mean() <= 0.5

    def test_only_the_newest_of_many(self) -> None:
        frame = pd.concat([numeric_frame(1_000, turn=1), numeric_frame(1_000)], ignore_index=True)
        right, n = learnable(SPEC, from_frame(SPEC, frame))
        assert n == 1_000
        assert right.mean() > 0.9


class TestChallenged:
    def test_a_version_that_knows_this_world_withstands(self) -> None:
        found = challenged(SPEC, from_frame(SPEC, numeric_frame(400)), Known())
        assert found is not None
        assert (found.kind, found.trained) == ("refused", False)
        assert "nothing to gain" in found.reasons[0]

    def test_one_that_does_not_makes_way_for_a_training(self) -> None:
        assert challenged(SPEC, from_frame(SPEC, numeric_frame(400)), Known(turn=1)) is None


class TestTheJob:
    def test_nothing_to_gain_trains_nothing(self, root: str, tmp_path: Path) -> None:
        result, stages = ask(root, tmp_path, numeric_frame(400, turn=1, seed=9), "challenge")
        assert (result.kind, result.trained, stages) == ("refused", False, ["challenge"])

    def test_much_to_gain_trains_and_never_asks_the_archive(self, root: str, tmp_path: Path) -> None:
        result, stages = ask(root, tmp_path, numeric_frame(400, seed=9), "challenge")
        assert (result.kind, result.trained) == ("promoted", True)
        assert stages[0] == "challenge"
        assert "fit" in stages
        assert "recall" not in stages
