"""Beginning from the weights of the model in service."""

import re
from pathlib import Path

import numpy as np
import pytest

from driftline.registry.registry import Registry
from tests.training.conftest import numeric_frame, numeric_spec
from training.archive import load_start
from training.data import Dataset, from_frame
from training.fit import fit, refit
from training.initial import train_initial
from training.warm import WEIGHTS, Start, begin, load_weights, save_weights

SMALL = {"hidden": [8], "batch_normalization": True}


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    return from_frame(numeric_spec(), numeric_frame(200))


@pytest.fixture(scope="module")
def start(blobs: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Start:
    spec = numeric_spec(network=SMALL, learning_rate=0.01)
    path = tmp_path_factory.mktemp("start") / WEIGHTS
    save_weights(spec, refit(spec, blobs, 15).network, path)
    return load_weights(path, 7)


class TestTheSameNetwork:
    @pytest.mark.parametrize("loop", ["compiled", "fit"])
    def test_begins_where_the_other_ended(self, blobs: Dataset, start: Start, loop: str) -> None:
        spec = numeric_spec(network=SMALL, epochs=1, learning_rate=1e-9, loop=loop)
        warm = fit(spec, blobs, start=start)
        assert warm.warm and warm.notes == ("began from the weights of version 7",)
        cold = fit(spec, blobs)
        assert not cold.warm and cold.notes == ()
        assert warm.history[0].loss < 0.5 * cold.history[0].loss
        kernels = {v.path: v.numpy() for v in warm.network.logits.trainable_variables}
        for path, value in kernels.items():
            np.testing.assert_allclose(value, start.arrays[path], atol=1e-6)

    def test_the_moving_statistics_come_too_and_nothing_is_an_object(self, start: Start) -> None:
        assert "normal_0/moving_mean" in start.arrays
        assert all(array.dtype == np.float32 for array in start.arrays.values())

    def test_is_repeatable_to_the_bit(self, blobs: Dataset, start: Start) -> None:
        spec = numeric_spec(network=SMALL, epochs=2)
        one, other = (fit(spec, blobs, start=start).score(blobs.columns) for _ in range(2))
        np.testing.assert_array_equal(one, other)


class TestAnotherNetwork:
    @pytest.mark.parametrize(
        ("network", "said"),
        [
            ({**SMALL, "hidden": [9]}, r"trained afresh: hidden_0/kernel is \(3, 8\) in version 7, \(3, 9\) here"),
            ({**SMALL, "activation": "tanh"}, "trained afresh: version 7 has another .* activation"),
        ],
    )
    def test_is_trained_afresh_and_says_so(
        self, blobs: Dataset, start: Start, network: dict[str, object], said: str
    ) -> None:
        spec = numeric_spec(network=network, epochs=2)
        found = fit(spec, blobs, start=start)
        assert not found.warm
        assert len(found.notes) == 1
        assert re.match(said, found.notes[0])
        np.testing.assert_array_equal(found.score(blobs.columns), fit(spec, blobs).score(blobs.columns))

    def test_gaps_that_were_not_there_before_are_another_network(self, blobs: Dataset, start: Start) -> None:
        frame = numeric_frame(200)
        frame.loc[3, "x1"] = np.nan
        spec = numeric_spec(network=SMALL, epochs=1)
        assert not fit(spec, from_frame(spec, frame), start=start).warm

    def test_a_refit_whose_network_is_another_is_left_out(self, blobs: Dataset, start: Start) -> None:
        spec = numeric_spec(network=SMALL, epochs=1)
        learnt = fit(spec, blobs, start=start)
        frame = numeric_frame(200)
        frame.loc[3, "x1"] = np.nan
        assert refit(spec, from_frame(spec, frame), 1, learnt=learnt, start=start) is learnt
        assert refit(spec, blobs, 1, learnt=learnt, start=start).network is not learnt.network

    def test_weights_that_are_not_finite_are_not_taken(self, blobs: Dataset, start: Start) -> None:
        spec = numeric_spec(network=SMALL, epochs=1)
        network = fit(spec, blobs).network
        broken = {path: np.full_like(array, np.nan) for path, array in start.arrays.items()}
        assert "not finite" in begin(spec, network, Start(7, broken, start.meaning))
        assert all(np.isfinite(v.numpy()).all() for v in network.logits.weights)


class TestTheFile:
    def test_missing_damaged_or_with_objects_is_said_and_never_unpickled(self, tmp_path: Path) -> None:
        assert load_weights(tmp_path / "none.npz", 3).missing == "version 3 has no weights.npz"
        (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 no zip")
        assert "cannot be read" in load_weights(tmp_path / "damaged.npz", 3).missing
        np.savez(tmp_path / "objects.npz", a=np.array([{"x": 1}], dtype=object))
        assert "cannot be read" in load_weights(tmp_path / "objects.npz", 3).missing


def test_a_training_takes_it_from_the_version_in_service(tmp_path: Path) -> None:
    registry = Registry(str(tmp_path / "models"), "blobs")
    spec = numeric_spec(epochs=4, network={"hidden": [8]}, warm_start=True)
    first = train_initial(spec, numeric_frame(150), registry, now_ms=1, baselines=())
    assert first.manifest is not None and WEIGHTS in first.manifest.files
    assert not any("weights" in reason for reason in first.verdict.reasons)
    second = train_initial(spec, numeric_frame(150, seed=4), registry, now_ms=2, baselines=())
    assert "began from the weights of version 1" in second.verdict.reasons
    assert load_start(numeric_spec(), registry, 1) is None
