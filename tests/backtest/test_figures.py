"""Alarms against known changes, curves, kappa, the dummy and the recommendation, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from driftline.backtest.advice import advise, difference
from driftline.backtest.course import Alarm, Change, Course, curve, kappa
from driftline.backtest.incremental import no_change
from driftline.backtest.scoring import detection
from tests.backtest.made import frame, plan, recording


def alarms(*rows: int) -> list[Alarm]:
    return [Alarm(row, None, "concept") for row in rows]


def course(right: NDArray[np.bool_], trainings: int = 0) -> Course:
    n = len(right)
    changes = [Change(0, 0, "promoted", 2, 1.0, 100)] * trainings
    return Course(np.arange(n), np.where(right, 0, 1), np.zeros(n, np.int64), changes=changes)


class TestDetection:
    def test_the_first_alarm_in_a_change_s_time_finds_it(self) -> None:
        found = detection(alarms(90, 150, 160, 700, 1_500), [100, 600], within=500)
        assert (found.detected, found.missed) == (2, 0)
        assert found.delays == (50, 100)
        assert found.delay_median == 75
        assert (found.false_alarms, found.repeated) == (2, 1)

    def test_a_change_s_time_ends_where_the_next_begins(self) -> None:
        found = detection(alarms(220), [100, 200], within=500)
        assert (found.detected, found.missed, found.delays) == (1, 1, (20,))

    def test_no_alarm(self) -> None:
        found = detection([], [5], within=10)
        assert (found.detected, found.missed, found.delay_median, found.false_alarms) == (0, 1, None, 0)

    def test_an_alarm_at_the_very_row_and_one_just_too_late(self) -> None:
        assert detection(alarms(100), [100], within=50).delays == (0,)
        assert detection(alarms(150), [100], within=50).false_alarms == 1


class TestKappa:
    def test_it_is_scikit_learn_s(self) -> None:
        rng = np.random.default_rng(0)
        said, true = rng.integers(0, 4, 500), rng.integers(0, 3, 500)
        assert kappa(said, true) == pytest.approx(cohen_kappa_score(said, true))

    def test_no_answer_is_an_answer_of_its_own(self) -> None:
        assert kappa(np.array([-1, -1, 0, 1]), np.array([0, 1, 0, 1])) < 1
        assert kappa(np.zeros(4, int), np.zeros(4, int)) == 0


class TestTheCurve:
    def test_it_ends_at_the_last_row_and_looks_back_a_little(self) -> None:
        right = np.arange(10_000) >= 5_000
        line = curve(course(right))
        assert len(line.rows) == 100
        assert line.rows[-1] == 9_999
        assert line.accuracy[0] == 0.0
        assert line.accuracy[-1] == 1.0
        assert 0 < line.accuracy[51] < 1

    def test_a_short_stream_has_fewer_points(self) -> None:
        assert curve(course(np.ones(7, bool))).rows == list(range(7))


class TestNoChange:
    @pytest.mark.parametrize("delay", [0, 1, 37])
    def test_it_says_the_newest_label_that_has_come(self, delay: int) -> None:
        made = recording(frame(700))
        found = no_change(made, plan(start=500, label_delay=delay))
        for place, row in enumerate(found.rows.tolist()):
            known = [r for r in range(row) if r < 500 or r + delay < row]
            expected = made.answers[known[-1]]
            assert (found.answered[place] == found.truth[place]) == (expected == made.answers[row])


class TestAdvice:
    def test_of_equals_the_cheapest(self) -> None:
        rng = np.random.default_rng(1)
        right = rng.random(5_000) < 0.8
        other = right.copy()
        other[::10] = rng.random(500) < 0.8
        advice = advise({"dear": course(right, 9), "cheap": course(other, 1)}, {})
        assert advice is not None
        assert advice.strategy == "cheap"

    def test_a_clear_gain_is_worth_its_trainings(self) -> None:
        rng = np.random.default_rng(2)
        advice = advise({"dear": course(rng.random(5_000) < 0.9, 9), "cheap": course(rng.random(5_000) < 0.6, 1)}, {})
        assert advice is not None
        assert advice.strategy == "dear"
        assert "9 trainings" in advice.reason

    def test_a_baseline_that_is_better_is_named_and_not_recommended(self) -> None:
        rng = np.random.default_rng(3)
        advice = advise({"policy": course(rng.random(4_000) < 0.7, 1)}, {"no-change": course(rng.random(4_000) < 0.9)})
        assert advice is not None
        assert advice.strategy == "policy"
        assert advice.warnings[0].startswith("no-change is better")

    def test_nothing_to_recommend(self) -> None:
        assert advise({}, {"no-change": course(np.ones(10, bool))}) is None

    def test_a_difference_that_moves_in_waves_is_less_sure_than_one_that_does_not(self) -> None:
        rng = np.random.default_rng(4)
        base = course(rng.random(5_000) < 0.5)
        independent = course(base.right ^ (rng.random(5_000) < 0.1))
        waves = base.right.copy()
        for start in range(0, 5_000, 1_000):
            waves[start : start + 250] = True
            waves[start + 500 : start + 750] = False
        assert difference(base, course(waves))[1] > 2 * difference(base, independent)[1]
