import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency

from monitoring.distribution.divergence import compare, holm
from monitoring.distribution.layout import Layout


class TestTheTestIsTheTextbooks:
    @settings(max_examples=60, deadline=None)
    @given(arrays(np.int64, (2, 6), elements=st.integers(30, 400)))
    def test_chi_square_where_no_bin_is_small(self, counts: np.ndarray) -> None:
        layout = Layout({"other": (50, 50), "x": tuple(counts[0].tolist()), "more": (10, 20, 30)})
        current = np.concatenate([[40, 60], counts[1], [10, 20, 30]])
        expected = chi2_contingency(counts, correction=False).pvalue
        assert compare(layout, current).p_value[1] == pytest.approx(expected, rel=1e-6, abs=1e-12)

    def test_small_bins_are_pooled(self) -> None:
        reference, current = [100, 80, 1, 2, 3, 4], [90, 85, 2, 1, 4, 5]
        pooled = np.array([[100, 80, 10], [90, 85, 12]])
        found = compare(Layout({"x": reference}), np.array(current)).p_value[0]
        assert found == pytest.approx(chi2_contingency(pooled, correction=False).pvalue, rel=1e-9)

    @settings(max_examples=60, deadline=None)
    @given(arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
    def test_holm_rejects_as_the_step_down_procedure(self, p_values: np.ndarray) -> None:
        rejected = set()
        order = np.argsort(p_values, kind="stable")
        for rank, i in enumerate(order):
            if p_values[i] * (len(p_values) - rank) >= 0.05:
                break
            rejected.add(int(i))
        assert set(np.flatnonzero(holm(p_values) < 0.05).tolist()) == rejected


class TestNothingIsFoundWhereNothingIs:
    def test_p_values_are_uniform_and_the_index_is_unbiased(self) -> None:
        rng = np.random.default_rng(1)
        shares = np.full((200, 16), 1 / 16)
        layout = Layout({str(i): row for i, row in enumerate(rng.multinomial(480, shares).tolist())})
        comparison = compare(layout, rng.multinomial(400, shares).ravel())
        assert 0.01 <= (comparison.p_value < 0.05).mean() <= 0.1
        # Without the correction the mean would be 15 (1/480 + 1/400) = .07; clipping at 0 leaves half a spread.
        assert comparison.psi.mean() < 0.015

    def test_the_same_shares_have_no_index(self) -> None:
        comparison = compare(Layout({"x": (100, 200, 300)}), np.array([10, 20, 30]))
        assert comparison.psi[0] == 0.0
        assert comparison.p_value[0] == pytest.approx(1.0)

    @pytest.mark.parametrize(("reference", "current"), [((0, 0), (5, 5)), ((5, 5), (0, 0)), ((7,), (3,))])
    def test_an_empty_side_or_a_single_bin_says_nothing(self, reference: tuple[int], current: tuple[int]) -> None:
        comparison = compare(Layout({"x": reference}), np.array(current))
        assert comparison.p_value.tolist() == [1.0]
        assert comparison.psi.tolist() == [0.0]

    @settings(max_examples=60, deadline=None)
    @given(arrays(np.int64, (2, 12), elements=st.integers(0, 1_000)))
    def test_always_finite(self, counts: np.ndarray) -> None:
        comparison = compare(Layout({"x": counts[0][:5].tolist(), "y": counts[0][5:].tolist()}), counts[1])
        assert np.isfinite(comparison.psi).all()
        assert ((comparison.p_value >= 0) & (comparison.p_value <= 1)).all()
        assert (comparison.adjusted >= comparison.p_value).all()
