"""Which classes, devices or values show a rise of the error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.distribution.parts import MOST_PARTS, blame_parts, rise_p_values, tally

NAMES = ["a", "b", "c", "d"]


def outcomes(before: float, after: list[float], n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n records before the onset and n since, of parts in turn."""
    rng = np.random.default_rng(seed)
    codes = np.arange(2 * n) % len(after)
    since = np.arange(2 * n) >= n
    wrong = rng.random(2 * n) < np.where(since, np.array(after)[codes], before)
    return codes, wrong, since


class TestWhoIsBlamed:
    def test_the_part_that_got_worse_with_figures_a_person_can_read(self) -> None:
        codes, wrong, since = outcomes(0.04, [0.04, 0.61, 0.04, 0.04], 2_000)
        (blamed,) = blame_parts(tally(NAMES, codes, wrong, since), "class")
        assert (blamed.name, blamed.part_of, blamed.records) == ("b", "class", 500)
        assert blamed.before == pytest.approx(0.04, abs=0.03)
        assert blamed.after == pytest.approx(0.61, abs=0.05)
        assert blamed.p_value is not None
        assert blamed.p_value < 1e-6
        assert blamed.detail == f'class "b" error {blamed.before:.0%} → {blamed.after:.0%}'

    def test_the_worst_first(self) -> None:
        codes, wrong, since = outcomes(0.1, [0.3, 0.9, 0.1, 0.5], 2_000)
        assert [part.name for part in blame_parts(tally(NAMES, codes, wrong, since), "class")] == ["b", "d", "a"]

    def test_nobody_by_chance(self) -> None:
        """The level holds over all parts of a breakdown: 1%, in 400 breakdowns of four parts."""
        named = 0
        for seed in range(400):
            codes, wrong, since = outcomes(0.2, [0.2] * 4, 300, seed)
            named += bool(blame_parts(tally(NAMES, codes, wrong, since), "class"))
        assert named <= 10

    def test_a_part_without_a_past_is_compared_with_that_of_all(self) -> None:
        codes, wrong, since = outcomes(0.1, [0.1, 0.1, 0.1, 0.9], 800)
        kept = ~((codes == 3) & ~since)
        (blamed,) = blame_parts(tally(NAMES, codes[kept], wrong[kept], since[kept]), "device")
        assert blamed.name == "d"
        assert blamed.before == pytest.approx(0.1, abs=0.04)

    def test_without_any_past_the_evaluation_stands_for_it(self) -> None:
        codes, wrong, _ = outcomes(0.6, [0.6] * 4, 200)
        counts = tally(NAMES, codes, wrong, np.ones(len(codes), dtype=bool), past=(200.0, 10.0))
        assert counts.rate_before == pytest.approx(np.full(4, 0.05))
        assert len(blame_parts(counts, "class")) == 4

    def test_the_rare_are_pooled_and_have_no_name(self) -> None:
        names = [f"d{i}" for i in range(500)]
        rng = np.random.default_rng(0)
        codes = rng.integers(0, 500, 20_000)
        since = np.arange(20_000) >= 10_000
        counts = tally(names, codes, since & (codes >= 0), since)
        assert len(counts.names) == MOST_PARTS + 1
        assert counts.names[-1] is None
        assert counts.n_after.sum() == 10_000
        assert all(part.name for part in blame_parts(counts, "device"))


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.booleans(), st.booleans()), max_size=200),
    st.none() | st.tuples(st.floats(0, 500), st.just(0.0)),
)
def test_counts_add_up_and_p_values_are_chances(
    rows: list[tuple[int, bool, bool]], past: tuple[float, float] | None
) -> None:
    codes = np.array([code for code, _, _ in rows], dtype=np.int64)
    wrong, since = (np.array([row[i] for row in rows], dtype=bool) for i in (1, 2))
    counts = tally(NAMES, codes, wrong, since, past)
    known = codes >= 0
    assert counts.n_after.sum() == (known & since).sum()
    assert counts.k_after.sum() == (known & since & wrong).sum()
    assert (counts.k_before <= counts.n_before).all()
    p_values = rise_p_values(counts)
    assert ((p_values >= 0) & (p_values <= 1)).all()
    for part in blame_parts(counts, "class"):
        assert part.after is not None
        assert part.before is not None
        assert part.after > part.before
