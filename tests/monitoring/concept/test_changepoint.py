import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.concept.changepoint import Baseline, best_splits, clear_log_ratio


def plain_log_likelihood(errors: float, n: float) -> float:
    return sum(k * math.log(k / n) for k in (errors, n - errors) if k > 1e-9)


class TestTheSplitIsTheLikeliest:
    @settings(max_examples=80, deadline=None)
    @given(
        wrong=st.lists(st.booleans(), min_size=8, max_size=60),
        rows=st.integers(0, 40),
        share=st.floats(0, 1),
        rise=st.booleans(),
    )
    def test_as_a_loop_over_all_splits_finds_it(self, wrong: list[bool], rows: int, share: float, rise: bool) -> None:
        baseline = Baseline(rows, rows * share)
        best = -math.inf
        n, s = len(wrong), sum(wrong)
        for k in range(n):
            n1, s1 = rows + k, rows * share + sum(wrong[:k])
            n2, s2 = n - k, s - sum(wrong[:k])
            if n1 < 8 or n2 < 8 or not (s2 * n1 > s1 * n2 if rise else s2 * n1 < s1 * n2):
                continue
            ratio = plain_log_likelihood(s1, n1) + plain_log_likelihood(s2, n2)
            best = max(best, ratio - plain_log_likelihood(rows * share + s, rows + n))
        split = best_splits(np.array(wrong), baseline)[0 if rise else 1]
        if best < 1e-9:
            # Rates that are equal but for rounding: neither a rise nor a fall to speak of.
            assert split is None or split.log_ratio < 1e-6
        else:
            assert split is not None
            assert split.log_ratio == pytest.approx(best, abs=1e-8)

    @pytest.mark.parametrize(("before", "after", "within"), [(0.1, 0.75, 5), (0.1, 0.3, 60)])
    def test_close_to_the_truth(self, before: float, after: float, within: int) -> None:
        rng = np.random.default_rng(3)
        off = []
        for _ in range(50):
            wrong = np.concatenate([rng.random(1_000) < before, rng.random(300) < after])
            split, _ = best_splits(wrong)
            assert split is not None
            off.append(abs(split.index - 1_000))
        assert np.quantile(off, 0.9) <= within

    def test_a_fall_is_not_a_rise(self) -> None:
        wrong = np.array([True] * 50 + [False] * 50)
        rise, fall = best_splits(wrong)
        assert rise is None or rise.log_ratio < 5
        assert fall is not None
        assert fall.index == 50


class TestChanceIsNotClear:
    @pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
    def test_the_level_holds_over_all_splits_and_looks(self, rate: float) -> None:
        # 400 sequences looked at every 25 elements: at a level of .05 at most 20 may cross; the bound is generous.
        rng = np.random.default_rng(4)
        crossed = 0
        for _ in range(400):
            wrong = rng.random(500) < rate
            for n in range(25, 501, 25):
                split = best_splits(wrong[:n])[0]
                if split is not None and split.log_ratio >= clear_log_ratio(n, 0.05):
                    crossed += 1
                    break
        assert crossed <= 20
