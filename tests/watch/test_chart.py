"""What the terminal's line promises: the newest at the right, within its frame, whatever the values."""

from hypothesis import given
from hypothesis import strategies as st

from driftline.watch.chart import chart


def plain(values: list[float | None], width: int, height: int, marks: dict[int, str] | None = None) -> list[str]:
    return [line.plain for line in chart(values, width, height, marks)]


def test_a_bar_is_as_high_as_its_value() -> None:
    assert plain([0.0, 0.25, 0.5, 0.75, 1.0], 5, 2) == [
        "           ",
        "  1.0 │   ▄█",
        "      │ ▄███",
        "  0.0 └─────",
    ]


def test_more_values_than_columns_are_averaged() -> None:
    assert plain([0.0, 1.0, 1.0, 1.0], 2, 1)[1] == "  1.0 │▄█"


def test_a_gap_stays_a_gap() -> None:
    assert plain([1.0, None, 1.0], 3, 1)[1] == "  1.0 │█ █"
    assert plain([None, 1.0], 1, 1)[1] == "  1.0 │█"


def test_marks_stand_above_their_column() -> None:
    assert plain([0.5] * 4, 4, 1, {0: "!", 3: "▲"})[0][6:] == "!  ▲"
    assert plain([0.5] * 100, 10, 1, {99: "▲", 50: "!"})[0][6:] == "     !   ▲"


def test_nothing_yet() -> None:
    assert plain([], 4, 1, {0: "!"}) == ["          ", "  1.0 │", "  0.0 └"]


@given(
    values=st.lists(st.none() | st.floats(0, 1), max_size=60),
    width=st.integers(1, 30),
    height=st.integers(1, 8),
    marks=st.dictionaries(st.integers(0, 59), st.sampled_from("!▲"), max_size=4),
)
def test_it_never_leaves_its_frame(values: list[float | None], width: int, height: int, marks: dict[int, str]) -> None:
    lines = plain(values, width, height, {at: mark for at, mark in marks.items() if at < len(values)})
    assert len(lines) == height + 2
    columns = min(width, len(values))
    assert all(len(line) == 7 + columns for line in lines[1:])
    assert len(lines[0]) == 6 + width
