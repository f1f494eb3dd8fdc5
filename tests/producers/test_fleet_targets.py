"""Each target changes what it says, and leaves the rest as it was."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from driftline.spec import NumericFeature, StreamSpec
from producers.fleet.fleet import Fleet
from producers.fleet.plan import parse_fleet
from tests.producers.worlds import HALF, NUMERIC, largest_error, sample

OLD, NEW = slice(0, HALF), slice(HALF, 2 * HALF)
# Some hundred comparisons stand in this file; below this level none should fail by chance, and all are seeded.
LEVEL = 1e-5


def same_mix(a: np.ndarray, b: np.ndarray) -> float:
    """p-value of the chi-square test that two columns of names have one distribution."""
    names = sorted({*a, *b})
    return float(chi2_contingency([[int((column == name).sum()) + 1 for name in names] for column in (a, b)]).pvalue)


class TestWithoutDrift:
    def test_nothing_changes_and_answers_follow_the_world(self) -> None:
        taken = sample()
        assert all(ks_2samp(taken.x[OLD, j], taken.x[NEW, j]).pvalue > LEVEL for j in range(NUMERIC))
        assert same_mix(taken.y[OLD], taken.y[NEW]) > LEVEL
        assert same_mix(taken.mode[OLD], taken.mode[NEW]) > LEVEL
        assert largest_error(taken, OLD) < 4.5

    def test_features_are_standardised_in_their_own_units(self) -> None:
        taken = sample()
        shown = taken.fleet.world.standardise(taken.x)
        assert shown.mean(axis=0) == pytest.approx(np.zeros(NUMERIC), abs=0.05)
        assert shown.std(axis=0) == pytest.approx(np.ones(NUMERIC), abs=0.05)


class TestConceptDrift:
    def test_px_is_the_very_same_and_py_given_x_is_not(self) -> None:
        drifted, still = sample(f"drift: [{{at: {HALF}, target: concept}}]"), sample()
        np.testing.assert_array_equal(drifted.x, still.x)
        assert (drifted.mode == still.mode).all()
        assert (drifted.note == still.note).all()
        assert (drifted.y[OLD] == still.y[OLD]).all()
        assert not (drifted.y[NEW] == still.y[NEW]).any()
        assert largest_error(drifted, NEW) > 20

    @pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
    def test_the_magnitude_is_the_share_of_answers_that_change(self, share: float) -> None:
        drifted = sample(f"drift: [{{at: {HALF}, target: concept, magnitude: {share}}}]")
        changed = (drifted.y != sample().y)[NEW].mean()
        assert changed == pytest.approx(share, abs=0.02)


class TestDataDrift:
    PLAN = f"drift: [{{at: {HALF}, target: data, magnitude: 1.5, features: [x1, x3]}}]"

    def test_the_named_features_move_by_the_magnitude_and_the_others_stay(self) -> None:
        drifted, still = sample(self.PLAN), sample()
        moved = (drifted.x - still.x) / still.fleet.world.units
        assert (moved[OLD] == 0).all()
        assert (moved[NEW][:, [0, 2, 4]] == 0).all()
        assert np.abs(moved[NEW][:, [1, 3]]) == pytest.approx(1.5, abs=1e-3)

    def test_py_given_x_stays(self) -> None:
        drifted = sample(self.PLAN)
        assert largest_error(drifted, OLD) < 4.5
        assert largest_error(drifted, NEW) < 4.5

    def test_categories_given_the_answer_stay(self) -> None:
        drifted = sample(self.PLAN)
        for name in drifted.fleet.world.answers:
            columns = [drifted.mode[rows][drifted.y[rows] == name] for rows in (OLD, NEW)]
            assert same_mix(*columns) > LEVEL


class TestPriorDrift:
    PLAN = f"drift: [{{at: {HALF}, target: prior}}]"

    def test_the_class_mix_becomes_the_planned_one(self) -> None:
        drifted = sample(self.PLAN)
        before, after = (
            np.array([(drifted.y[rows] == name).mean() for name in drifted.fleet.world.answers]) for rows in (OLD, NEW)
        )
        assert before == pytest.approx(np.full(4, 0.25), abs=0.02)
        # Each next class half as frequent: 8/15, 4/15, 2/15, 1/15 in some order.
        assert sorted(after) == pytest.approx(np.array([1, 2, 4, 8]) / 15, abs=0.02)

    def test_px_given_y_stays(self) -> None:
        drifted = sample(self.PLAN)
        for name in drifted.fleet.world.answers:
            old, new = (np.flatnonzero(drifted.y[rows] == name) + rows.start for rows in (OLD, NEW))
            assert all(ks_2samp(drifted.x[old, j], drifted.x[new, j]).pvalue > LEVEL for j in range(NUMERIC))
            assert same_mix(drifted.mode[old], drifted.mode[new]) > LEVEL

    def test_half_the_magnitude_is_half_the_way(self) -> None:
        full, half = sample(self.PLAN), sample(self.PLAN.replace("prior", "prior, magnitude: 0.5"))
        for name in full.fleet.world.answers:
            wanted = 0.5 * 0.25 + 0.5 * (full.y[NEW] == name).mean()
            assert (half.y[NEW] == name).mean() == pytest.approx(wanted, abs=0.02)


class TestSeveralAtOnce:
    def test_each_still_does_its_part(self) -> None:
        both = sample(f"drift: [{{at: {HALF}, target: concept}}, {{at: {HALF}, target: prior}}]")
        after = sorted((both.y[NEW] == name).mean() for name in both.fleet.world.answers)
        assert after == pytest.approx(np.array([1, 2, 4, 8]) / 15, abs=0.02)


class TestMultilabel:
    SPEC = StreamSpec(
        stream="m", task="multilabel", classes=("heat", "wear", "leak"), features=(NumericFeature(name="x"),)
    )

    def test_answers_are_sets_of_classes_and_concepts_change_them(self) -> None:
        fleets = [Fleet(self.SPEC, parse_fleet(text)) for text in ("", "drift: [{at: 0, target: concept}]")]
        still, drifted = (fleet.block(0) for fleet in fleets)
        assert still.values == drifted.values
        assert {tuple(label or ()) for label in still.labels} >= {(), ("heat",), ("wear",), ("leak",)}
        assert all(a != b for a, b in zip(still.labels, drifted.labels, strict=True))
