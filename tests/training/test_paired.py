"""Rows of a stream hang together: a run of them is less evidence than as many rows drawn one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluate import mcnemar
from training.paired import better_on_stretch


def runs(rng: np.random.Generator, n: int, length: float, share: float = 0.5) -> np.ndarray:
    """Bool [n]: true for `share` of it in the mean, in runs of `length` rows in the mean."""
    out, at = np.empty(n, dtype=bool), 0
    while at < n:
        run = int(rng.geometric(1 / length))
        out[at : at + run] = rng.random() < share
        at += run
    return out


class TestBetterOnStretch:
    @given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200))
    def test_never_surer_than_of_independent_rows(self, rows: list[tuple[bool, bool]]) -> None:
        ours, theirs = (np.array([row[i] for row in rows], dtype=bool) for i in (0, 1))
        assert mcnemar(ours, theirs) <= better_on_stretch(ours, theirs) <= 1.0

    @pytest.mark.parametrize(("length", "most"), [(1.0, 0.1), (10.0, 0.15)])
    def test_two_models_as_good_are_seldom_told_apart(self, length: float, most: float) -> None:
        """Where they take turns. In runs of ten rows the exact test errs far more often than it says."""
        rng = np.random.default_rng(3)
        turns = [runs(rng, 400, length) for _ in range(400)]
        found = np.mean([better_on_stretch(turn, ~turn) < 0.1 for turn in turns])
        assert found <= most
        if length > 1:
            assert np.mean([mcnemar(turn, ~turn) < 0.1 for turn in turns]) > 0.25

    def test_a_model_that_is_better_throughout_is_found_as_soon(self) -> None:
        rng = np.random.default_rng(4)
        sooner, as_soon = 0, 0
        for _ in range(200):
            ours, theirs = rng.random(60) < 0.85, rng.random(60) < 0.55
            sooner += mcnemar(ours, theirs) < 0.05
            as_soon += better_on_stretch(ours, theirs) < 0.05
        assert as_soon > 0.85 * sooner
