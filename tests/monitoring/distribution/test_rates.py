import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, fisher_exact

from monitoring.distribution.layout import Layout
from monitoring.distribution.rates import Rates, rates


def missing(before: tuple[int, int], after: tuple[int, int]) -> Rates:
    """`before` and `after` are (values, missing); another variable stands on either side."""
    layout = Layout({"a": (5, 6, 7), "x": before, "b": (8, 9)})
    return rates(layout, np.array([-1, 4, 6]), np.array([3, 2, 1, *after, 4, 4]))


class TestTheTest:
    @settings(max_examples=200, deadline=None)
    @given(st.integers(1, 900), st.integers(0, 400), st.integers(1, 300), st.integers(0, 300))
    def test_is_the_conditional_binomial(self, kept: int, gone: int, kept_now: int, gone_now: int) -> None:
        assume(gone + gone_now > 0)
        assume(gone + gone_now <= kept + kept_now)
        n, m = kept + gone, kept_now + gone_now
        law = binom(gone + gone_now, m / (n + m))
        expected = min(1.0, 2 * min(law.cdf(gone_now), law.sf(gone_now - 1)))
        found = missing((kept, gone), (kept_now, gone_now))
        assert found.p_value[1] == pytest.approx(expected, rel=1e-6, abs=1e-300)
        assert found.before[1] == gone / n
        assert found.after[1] == gone_now / m

    @settings(max_examples=200, deadline=None)
    @given(st.integers(1, 900), st.integers(0, 900), st.integers(1, 300), st.integers(0, 300))
    def test_is_never_bolder_than_fishers_where_it_matters(
        self, kept: int, gone: int, kept_now: int, gone_now: int
    ) -> None:
        found = missing((kept, gone), (kept_now, gone_now)).p_value[1]
        table = [[kept, gone], [kept_now, gone_now]]
        exact = min(fisher_exact(table, alternative=side).pvalue for side in ("less", "greater"))
        if found < 0.01:
            assert found >= exact

    def test_keeps_its_level_without_a_change(self) -> None:
        rng = np.random.default_rng(0)
        for share in (0.002, 0.05, 0.5, 0.99):
            before, after = rng.binomial(2_000, share, 3_000), rng.binomial(400, share, 3_000)
            layout = Layout({str(i): (2_000 - b, b) for i, b in enumerate(before.tolist())})
            current = np.stack([400 - after, after], axis=1).ravel()
            found = rates(layout, np.arange(1, 6_000, 2), current)
            assert (found.p_value < 0.05).mean() <= 0.06
            assert (found.p_value < 0.001).mean() <= 0.003


class TestNothingToSay:
    def test_where_there_is_no_such_bin(self) -> None:
        found = missing((100, 0), (50, 50))
        assert found.asked.tolist() == [False, True, True]
        assert found.p_value[0] == 1.0
        assert found.change[0] == 0.0

    @pytest.mark.parametrize(
        ("before", "after"), [((100, 0), (50, 0)), ((0, 100), (0, 50)), ((0, 0), (5, 5)), ((5, 5), (0, 0))]
    )
    def test_where_none_or_all_are_in_it_or_a_side_is_empty(
        self, before: tuple[int, int], after: tuple[int, int]
    ) -> None:
        found = missing(before, after)
        assert not found.asked[1]
        assert found.p_value[1] == 1.0

    def test_ten_of_four_hundred_are_enough_where_none_was_missing(self) -> None:
        assert missing((2_000, 0), (390, 10)).p_value[1] < 1e-6
