"""A replay is the file: every row once, in order, as it stands."""

from collections.abc import Iterator
from itertools import islice

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import UsageError
from driftline.spec import CategoricalFeature, NumericFeature, StreamSpec
from producers.replay import ReplayPlan, replay_rows, row_of

SPEC = StreamSpec(
    stream="pumps",
    task="binary",
    classes=("no", "yes"),
    features=(NumericFeature(name="temp"), CategoricalFeature(name="mode", categories=("on", "off"))),
)


def table(rows: int, **columns: list[object]) -> pd.DataFrame:
    cells = {
        "mode": [("on", "off")[i % 2] for i in range(rows)],
        "temp": [f"{i}.5" for i in range(rows)],
        "label": ["yes"] * rows,
        **columns,
    }
    return pd.DataFrame(cells, dtype=object)


def replay(frame: pd.DataFrame, plan: ReplayPlan, chunk: int = 7, most: int = 1_000) -> list[tuple[object, ...]]:
    """(record id, device, values, label) of the first `most` records."""

    def frames() -> Iterator[pd.DataFrame]:
        for start in range(0, len(frame), chunk):
            yield frame.iloc[start : start + chunk]

    records = (
        record
        for rows in replay_rows(SPEC, frames, plan)
        for record in zip(rows.record_ids, rows.device_ids, rows.values, rows.labels, strict=True)
    )
    return list(islice(records, most))


class TestRowsAsTheyStand:
    @given(rows=st.integers(1, 60), chunk=st.integers(1, 70), start=st.integers(0, 59), length=st.integers(1, 80))
    def test_the_asked_rows_once_and_in_order(self, rows: int, chunk: int, start: int, length: int) -> None:
        plan = ReplayPlan(start_row=start, stop_row=start + length, devices=3)
        if start >= rows:
            with pytest.raises(UsageError, match=f"start_row: read {start}"):
                replay(table(rows), plan, chunk)
            return
        assert replay(table(rows), plan, chunk) == [
            (f"pumps-{i}", f"device-{i % 3}", (i + 0.5, ("on", "off")[i % 2]), "yes")
            for i in range(start, min(rows, start + length))
        ]

    def test_missing_is_null_and_unreadable_stays(self) -> None:
        frame = table(3, temp=["ERR", None, "0.1"], mode=["on", None, "strange"], label=["yes", None, "no"])
        assert [(values, label) for _, _, values, label in replay(frame, ReplayPlan())] == [
            (("ERR", "on"), "yes"),
            ((None, None), None),
            ((0.1, "strange"), "no"),
        ]

    def test_a_file_without_labels_is_replayed_without(self) -> None:
        assert {record[3] for record in replay(table(5).drop(columns="label"), ReplayPlan())} == {None}

    def test_a_file_without_a_feature_is_refused(self) -> None:
        with pytest.raises(UsageError, match="column 'temp'"):
            replay(table(5).drop(columns="temp"), ReplayPlan())


class TestWhoMeasured:
    def test_the_device_column(self) -> None:
        frame = table(4, **{"Device ID": ["a", "b", None, "a"]})
        assert [record[1] for record in replay(frame, ReplayPlan())] == ["a", "b", "unknown", "a"]

    def test_the_column_asked_for(self) -> None:
        frame = table(2, device=["a", "b"], line=[7, 8])
        assert [record[1] for record in replay(frame, ReplayPlan(device_column="line"))] == ["7", "8"]
        with pytest.raises(UsageError, match="no column 'lime'"):
            replay(frame, ReplayPlan(device_column="lime"))


class TestALoop:
    def test_begins_again_with_new_ids(self) -> None:
        records = replay(table(5), ReplayPlan(start_row=2, loop=True), most=8)
        ids = [str(record[0]) for record in records]
        assert ids == ["pumps-2", "pumps-3", "pumps-4", "pumps-2@1", "pumps-3@1", "pumps-4@1", "pumps-2@2", "pumps-3@2"]
        assert [row_of(name, "pumps-") for name in ids] == [2, 3, 4, 2, 3, 4, 2, 3]


class TestBadPlansAreRefused:
    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"devices": 0}, "devices: read 0"),
            ({"start_row": -1}, "start_row: read -1"),
            ({"start_row": 5, "stop_row": 5}, "stop_row: read 5"),
            ({"jitter": 2}, "jitter: read 2"),
        ],
    )
    def test_range(self, fields: dict[str, int], says: str) -> None:
        with pytest.raises(UsageError, match=says):
            ReplayPlan(**fields)  # type: ignore[arg-type]
