import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitoring.console.timeline import Timeline

TIMES = st.lists(st.integers(0, 200_000), min_size=1, max_size=60)


def line(columns: int = 16, widest_ms: int = 1_024_000) -> Timeline:
    rows = {"n": "sum", "top": "max", "newest": "last"}
    return Timeline(rows, columns=columns, width_ms=1_000, widest_ms=widest_ms)  # type: ignore[arg-type]


class TestATimeline:
    @given(TIMES)
    def test_loses_nothing_while_it_may_grow_wider(self, times: list[int]) -> None:
        made = line()
        for at in times:
            made.set("n", at, 1)
            made.set("top", at, at)
        assert made["n"].sum() == len(times)
        assert np.nanmax(made["top"]) == max(times)

    @given(TIMES)
    def test_stays_within_its_columns_and_every_moment_lies_in_its_own(self, times: list[int]) -> None:
        made = line()
        for at in times:
            made.set("n", at, 1)
            assert 1 <= made.count <= 16
            column = made.column(at)
            assert column is not None
            assert made.start + column * made.width_ms <= at < made.start + (column + 1) * made.width_ms

    @given(TIMES)
    def test_counts_agree_with_a_histogram_of_the_same_columns(self, times: list[int]) -> None:
        made = line()
        for at in times:
            made.set("n", at, 1)
        edges = made.start + made.width_ms * np.arange(made.count + 1)
        assert made["n"][:, 0].tolist() == np.histogram(times, edges)[0].tolist()

    def test_lets_the_oldest_go_when_it_may_grow_no_wider(self) -> None:
        made = line(columns=4, widest_ms=1_000)
        for second in range(10):
            made.set("n", second * 1_000, second)
        assert made["n"][:, 0].tolist() == [6, 7, 8, 9]
        assert made.column(0) is None and made.start == 6_000

    def test_the_later_of_two_neighbours_stands_for_both(self) -> None:
        made = line(columns=2)
        for second, value in enumerate([0.1, 0.2, 0.3]):
            made.set("newest", second * 1_000, value)
        assert np.allclose(made["newest"][:, 0], [0.2, 0.3])

    def test_a_column_that_means_something_else_now_is_another_revision(self) -> None:
        made = line(columns=2)
        made.set("n", 0, 1)
        made.set("n", 1_000, 1)
        before = made.revision
        made.set("n", 2_000, 1)
        assert made.revision != before
