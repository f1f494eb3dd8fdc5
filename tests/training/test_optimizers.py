"""Optimizers and their schedules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.spec.training import OptimizerSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import from_frame
from training.fit import fit
from training.optimizers import factor, optimizer_of
from training.runtime import tf

NAMES = ["adam", "adamw", "rmsprop", "sgd"]
SCHEDULES = ["constant", "exponential", "cosine"]


class TestFactor:
    def test_constant_is_one(self) -> None:
        assert factor(OptimizerSpec(), 3.0, 10) == 1.0

    def test_exponential_falls_by_the_same_share_each_epoch(self) -> None:
        settings = OptimizerSpec(schedule="exponential", decay=0.9)
        assert [factor(settings, n, 10) for n in (0, 1, 2)] == pytest.approx([1, 0.9, 0.81])

    def test_cosine_goes_from_one_to_zero(self) -> None:
        settings = OptimizerSpec(schedule="cosine")
        assert [factor(settings, n, 10) for n in (0, 5, 10, 11)] == pytest.approx([1, 0.5, 0, 0], abs=1e-12)

    @given(
        st.sampled_from(SCHEDULES),
        st.integers(0, 5),
        st.floats(0, 30, allow_nan=False),
        st.floats(0, 5, allow_nan=False),
    )
    def test_it_rises_while_warming_up_and_never_after(self, name: str, warm_up: int, at: float, more: float) -> None:
        settings = OptimizerSpec.model_validate({"schedule": name, "warm_up": warm_up})
        first, second = factor(settings, at, 20), factor(settings, at + more, 20)
        assert 0 <= first <= 1
        if at + more <= warm_up:
            assert second >= first
        elif at >= warm_up:
            assert second <= first + 1e-12


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warm_up", [0, 2])
def test_the_graph_has_the_same_schedule(schedule: str, warm_up: int) -> None:
    settings = {"name": "sgd", "schedule": schedule, "warm_up": warm_up}
    spec = numeric_spec(optimizer=settings, learning_rate=0.1, epochs=10)
    rate = optimizer_of(spec, steps_per_epoch=4)._learning_rate
    for step in (0, 3, 8, 20, 39):
        found = float(rate(tf.constant(step))) if callable(rate) else float(rate)
        expected = 0.1 * factor(spec.training.optimizer, (step + 0.5) / 4, 10)
        assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_each_optimizer_learns_and_the_same_seed_gives_the_same_weights(name: str) -> None:
    rate = 0.05 if name == "sgd" else 0.003
    spec = numeric_spec(
        epochs=6,
        learning_rate=rate,
        network={"hidden": [16]},
        optimizer={"name": name, "schedule": "cosine", "warm_up": 1},
    )
    dataset = from_frame(spec, numeric_frame(300))
    one, other = fit(spec, dataset), fit(spec, dataset)
    assert one.history[-1].loss < 0.7 * one.history[0].loss
    for first, second in zip(one.network.logits.get_weights(), other.network.logits.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
