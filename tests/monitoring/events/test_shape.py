"""How a change went, judged from nothing but the records around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitoring.events.shape import SLOW, WIDE, is_mixture, named, transition

TRIES = 25


def rising(seed: int, width: int, after: int, low: float = 0.1, high: float = 0.6) -> NDArray[np.bool_]:
    """1,000 records at `low`, then a rise over `width` records, `after` records in all."""
    row = np.arange(1_000 + after)
    gone = np.clip((row - 1_000) / width, 0, 1) if width else row >= 1_000
    return np.random.default_rng(seed).random(len(row)) < low + (high - low) * gone


def widths(width: int, after: int, **rates: float) -> list[bool | None]:
    found = [transition(rising(seed, width, after, **rates)) for seed in range(TRIES)]
    return [change.wide if change else None for change in found]


class TestTheWidthOfARise:
    @pytest.mark.parametrize("after", [300, 1_500])
    def test_a_step_is_no_ramp(self, after: int) -> None:
        said = widths(0, after)
        assert True not in said
        assert said.count(False) >= 0.8 * TRIES

    @pytest.mark.parametrize(("width", "after"), [(500, 900), (1_000, 1_500)])
    def test_a_ramp_is_no_step(self, width: int, after: int) -> None:
        said = widths(width, after)
        assert False not in said
        assert said.count(True) >= 0.8 * TRIES

    def test_where_it_cannot_be_told_nothing_is(self) -> None:
        assert set(widths(0, 400, low=0.1, high=0.13)) == {None}

    def test_too_few_records_or_hits(self) -> None:
        assert transition(rising(0, 0, 0)[:150]) is None
        assert transition(np.zeros(1_000, dtype=bool)) is None
        assert transition(np.ones(1_000, dtype=bool)) is None

    def test_place_and_width(self) -> None:
        found = [transition(rising(seed, 600, 1_000)) for seed in range(TRIES)]
        assert np.median([f.start for f in found if f]) == pytest.approx(1_000, abs=80)
        assert np.median([f.width for f in found if f]) == pytest.approx(600, rel=0.35)

    def test_counts_of_chunks_tell_the_same(self) -> None:
        hits = rising(3, 0, 1_000).reshape(-1, 50).sum(axis=1).astype(float)
        change = transition(hits, np.full(len(hits), 50.0))
        assert change is not None
        assert change.wide is False
        assert change.start == pytest.approx(1_000, abs=50)

    @given(st.lists(st.booleans(), max_size=600))
    def test_of_anything_it_says_something_finite(self, hits: list[bool]) -> None:
        change = transition(np.array(hits, dtype=bool))
        if change is not None:
            assert np.isfinite([change.over_step, change.over_ramp]).all()
            assert min(change.over_step, change.over_ramp) >= 0
            assert not (change.over_step > 0 and change.over_ramp > 0 and change.width < WIDE)
            assert 0 <= change.start <= len(hits)


class TestAMixture:
    P, Q = np.array([0.5, 0.3, 0.1, 0.1]), np.array([0.1, 0.1, 0.3, 0.5])

    def counts(self, shares: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
        return np.random.default_rng(seed).multinomial(n, shares).astype(np.float64)

    @pytest.mark.parametrize("weight", [0.2, 0.5, 0.8])
    def test_of_old_and_new_is_one(self, weight: float) -> None:
        shares = (1 - weight) * self.P + weight * self.Q
        said = [
            is_mixture(self.counts(self.P, 900, s), self.counts(shares, 600, s + 99), self.counts(self.Q, 700, s + 999))
            for s in range(TRIES)
        ]
        assert said.count(True) == TRIES

    def test_a_world_in_between_is_none(self) -> None:
        between = np.array([0.1, 0.4, 0.4, 0.1])
        said = [
            is_mixture(
                self.counts(self.P, 900, s), self.counts(between, 600, s + 99), self.counts(self.Q, 700, s + 999)
            )
            for s in range(TRIES)
        ]
        assert said.count(False) == TRIES

    def test_of_too_little_nothing_is_said(self) -> None:
        few = np.array([5.0, 4.0, 3.0, 2.0])
        assert is_mixture(few, few, few) is None
        two = np.array([500.0, 500.0])
        assert is_mixture(two, two, two) is None


@pytest.mark.parametrize(
    ("width", "mixture", "shape"),
    [(0, None, "abrupt"), (0, False, "abrupt"), (800, True, "gradual"), (800, False, "incremental"), (800, None, None)],
)
def test_names(width: int, mixture: bool | None, shape: str | None) -> None:
    assert named(transition(rising(1, width, 1_200)), mixture) == shape


def test_of_nothing_there_is_no_name() -> None:
    assert named(None, True) is None
    assert SLOW > WIDE
