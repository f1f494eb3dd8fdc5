"""Each kind of drift takes its course, and the truth about it is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.fleet.drift import Abrupt, Gradual, Incremental, Recurring
from producers.fleet.fleet import BLOCK, Fleet
from producers.fleet.plan import parse_fleet
from tests.producers.worlds import SPEC, sample

ROWS = np.arange(4_000)
CHANCE = np.random.default_rng(1).random(len(ROWS))


class TestAbrupt:
    def test_one_row_to_the_next(self) -> None:
        assert np.flatnonzero(np.diff(Abrupt(1_775).strength(ROWS, CHANCE))).tolist() == [1_774]


class TestGradual:
    def test_each_row_is_of_one_world_and_the_new_ones_share_rises(self) -> None:
        strength = Gradual(1_000, 2_000).strength(ROWS, CHANCE)
        assert set(strength) == {0.0, 1.0}
        assert not strength[:1_000].any()
        assert strength[3_000:].all()
        quarters = strength[1_000:3_000].reshape(4, 500).mean(axis=1)
        assert quarters == pytest.approx([0.125, 0.375, 0.625, 0.875], abs=0.07)


class TestIncremental:
    def test_it_passes_through_every_state_between(self) -> None:
        strength = Incremental(1_000, 2_000).strength(ROWS, CHANCE)
        assert (np.diff(strength) >= 0).all()
        assert np.diff(strength).max() <= 1 / 2_000 + 1e-12
        assert (strength[1_000], strength[2_000], strength[3_000]) == (0.0, 0.5, 1.0)

    def test_a_moving_feature_moves_steadily(self) -> None:
        plan = "drift: [{at: 1024, kind: incremental, width: 1024, target: data, magnitude: 3, features: [x0]}]"
        moved = (sample(plan, 3 * BLOCK).x - sample("", 3 * BLOCK).x)[:, 0] / sample("", BLOCK).fleet.world.units[0]
        wanted = np.clip((np.arange(3 * BLOCK) - 1024) / 1024, 0, 1) * 3
        assert np.abs(moved) == pytest.approx(wanted, abs=1e-3)

    def test_a_moving_concept_changes_region_by_region(self) -> None:
        plan = "drift: [{at: 0, kind: incremental, width: 8192, target: concept}]"
        changed = (sample(plan, 8_192).y != sample("", 8_192).y).reshape(8, -1).mean(axis=1)
        assert (np.diff(changed) > 0).all()


class TestRecurring:
    def test_it_comes_and_goes(self) -> None:
        strength = Recurring(500, 1_000).strength(ROWS, CHANCE)
        assert np.flatnonzero(np.diff(strength)).tolist() == [499, 1_499, 2_499, 3_499]

    def test_the_old_world_is_the_very_old_one(self) -> None:
        recurring, still = sample("drift: [{at: 512, kind: recurring, period: 512}]", 2_048), sample("", 2_048)
        same = (recurring.y == still.y).reshape(4, 512).all(axis=1)
        assert same.tolist() == [True, False, True, False]


class TestTheTruthIsKnown:
    def test_the_answers_changed_exactly_where_the_truth_says(self) -> None:
        plan = "drift: [{at: 700, kind: gradual, width: 1500}]"
        drifted, still = sample(plan, 3_000), sample("", 3_000)
        truth = drifted.fleet.truth(0, 3_000)
        np.testing.assert_array_equal(truth[:, 0] == 1, drifted.y != still.y)

    @given(start=st.integers(0, 4_000), length=st.integers(0, 3_000))
    def test_of_any_rows(self, start: int, length: int) -> None:
        fleet = Fleet(SPEC, parse_fleet("drift: [{at: 700, kind: gradual, width: 1500}, {at: 9, kind: recurring}]"))
        whole = fleet.truth(0, 7_000)
        np.testing.assert_array_equal(fleet.truth(start, start + length), whole[start : start + length])


class TestARunRepeats:
    PLAN = "{devices: 5, records: 2500, seed: %d, drift: [{at: 900, target: data}], faults: [{at: 50, kind: spikes}]}"

    def test_the_same_seed_is_the_same_stream_and_another_is_another(self) -> None:
        def stream(seed: int) -> list[object]:
            return list(Fleet(SPEC, parse_fleet(self.PLAN % seed)).rows())

        assert stream(3) == stream(3)
        assert stream(3) != stream(4)

    def test_any_block_alone_is_as_in_the_stream(self) -> None:
        blocks = list(Fleet(SPEC, parse_fleet(self.PLAN % 3)).rows())
        assert Fleet(SPEC, parse_fleet(self.PLAN % 3)).block(1) == blocks[1]
        assert [len(block) for block in blocks] == [1_024, 1_024, 452]

    @pytest.mark.parametrize("target", ["data", "concept", "prior"])
    def test_before_a_drift_the_stream_is_as_without_it(self, target: str) -> None:
        drifted, still = sample(f"drift: [{{at: 1500, target: {target}}}]", 2_048), sample("", 2_048)
        np.testing.assert_array_equal(drifted.x[:1_500], still.x[:1_500])
        assert (drifted.y[:1_500] == still.y[:1_500]).all()
        assert (drifted.note[:1_500] == still.note[:1_500]).all()
