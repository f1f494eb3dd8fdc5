"""Between which records an onset lies: the span holds the truth as often as it says, and is narrow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.events.onset import between_outcomes

TRIES = 300


def spans(low: float, high: float, after: int) -> list[tuple[int, int]]:
    """Of steps from `low` to `high` at record 1,000."""
    found = []
    for seed in range(TRIES):
        rng = np.random.default_rng(seed)
        wrong = np.concatenate([rng.random(1_000) < low, rng.random(after) < high])
        span = between_outcomes(wrong)
        assert span is not None
        found.append(span)
    return found


class TestTheSpanOfOutcomes:
    @pytest.mark.parametrize(
        ("low", "high", "after", "widest"), [(0.1, 0.6, 300, 25), (0.1, 0.3, 500, 120), (0.05, 0.95, 100, 10)]
    )
    def test_holds_the_step_nineteen_times_of_twenty(self, low: float, high: float, after: int, widest: int) -> None:
        found = spans(low, high, after)
        held = sum(first <= 1_000 <= last for first, last in found)
        # 285 of 300 are promised; 275 and fewer would be chance once in 200.
        assert held > 275
        assert np.median([last - first for first, last in found]) <= widest

    @given(st.lists(st.booleans(), max_size=80))
    def test_lies_within_the_outcomes(self, wrong: list[bool]) -> None:
        span = between_outcomes(np.array(wrong, dtype=bool))
        if span is not None:
            first, last = span
            assert 8 <= first <= last <= len(wrong) - 8
            # It is of a rise: more errors behind it than before.
            assert np.mean(wrong[last:]) > np.mean(wrong[:first])

    def test_is_none_of_what_only_falls(self) -> None:
        assert between_outcomes(np.array([True] * 50 + [False] * 50)) is None
        assert between_outcomes(np.zeros(100, dtype=bool)) is None
