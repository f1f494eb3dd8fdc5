"""The value of a record's segment, remembered until its label comes."""

import numpy as np
import pytest

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.spec import StreamSpec
from driftline.wire.features import Decoded
from monitoring.labels.segment_values import SegmentValues
from monitoring.store.ledger import Ledger
from tests.monitoring.stream import make_spec

FEATURES = [
    {"name": "x", "type": "numeric"},
    {"name": "tool", "type": "categorical", "categories": ["drill", "saw"]},
    {"name": "site", "type": "categorical", "categories": ["north", "south"]},
]


def spec(*segments: str, **monitoring: object) -> StreamSpec:
    return make_spec(FEATURES, monitoring={"segments": list(segments), **monitoring})


def decoded(first: int, sites: list[str | None], partition: int = 0) -> Decoded:
    n = len(sites)
    table = np.array([["drill", site] for site in sites], dtype=object).reshape(n, 2)
    return Decoded(
        [f"r{i}" for i in range(n)],
        ["d"] * n,
        np.arange(n),
        np.full(n, partition),
        np.arange(first, first + n),
        Columns(np.zeros((n, 1), np.float32), table, np.empty((n, 0), object)),
        [],
    )


def recalled(values: SegmentValues, offsets: list[int], partition: int = 0) -> list[list[int]]:
    codes = values.recall(np.full(len(offsets), partition), np.array(offsets))
    assert codes is not None
    return codes.tolist()


class TestARecordsValue:
    def test_is_found_by_its_place(self) -> None:
        values = SegmentValues(spec("site", "device_id"))
        values.remember(decoded(10, ["north", "south", None, "mars"]))
        assert values.names == [["north", "south", "(unknown)", "(missing)"]]
        assert recalled(values, [13, 10, 11, 12, 9, 14]) == [[2], [0], [1], [3], [-1], [-1]]

    def test_in_the_order_of_the_features_not_of_the_list(self) -> None:
        values = SegmentValues(spec("site", "tool"))
        assert values.features == ("tool", "site")

    def test_gives_way_to_newer_ones_in_bounded_memory(self) -> None:
        values = SegmentValues(spec("site", max_pending=100))
        for start in range(0, 400, 50):
            values.remember(decoded(start, ["north"] * 50, 0))
            values.remember(decoded(start, ["south"] * 50, 1))
        assert recalled(values, [399, 350, 349, 0]) == [[0], [0], [-1], [-1]]
        assert recalled(values, [399], 1) == [[1]]
        assert recalled(values, [5], 2) == [[-1]]

    def test_of_a_topic_made_anew_is_not_mixed_up(self) -> None:
        values = SegmentValues(spec("site"))
        values.remember(decoded(50, ["north"] * 10))
        values.remember(decoded(0, ["south"] * 10))
        assert recalled(values, [5, 55]) == [[1], [-1]]

    def test_survives_a_restart(self) -> None:
        values, ledger = SegmentValues(spec("site")), Ledger()
        values.remember(decoded(0, ["north", "south"]))
        values.remember(decoded(7, ["south", None], 3))
        state = values.snapshot(ledger)
        parts = {name: part for name, part in ledger.close().items() if part is not None}
        again = SegmentValues(spec("site"))
        again.restore(state, parts)
        assert recalled(again, [0, 1]) == [[0], [1]]
        assert recalled(again, [7, 8], 3) == [[1], [3]]
        others = SegmentValues(spec("tool"))
        others.restore(state, parts)
        assert recalled(others, [0]) == [[-1]]

    def test_costs_nothing_where_no_segment_is_asked_for(self) -> None:
        values = SegmentValues(spec("device_id"))
        values.remember(decoded(0, ["north"]))
        assert values.recall(np.zeros(1, np.int64), np.zeros(1, np.int64)) is None


class TestTheSpecification:
    @pytest.mark.parametrize("segments", [["x"], ["site", "nowhere"], ["label"]])
    def test_refuses_what_is_no_category(self, segments: list[str]) -> None:
        with pytest.raises(UsageError, match=r"monitoring\.segments\[\d\]: read '\w+'; allowed: a categorical feature"):
            spec(*segments)

    def test_refuses_one_twice(self) -> None:
        with pytest.raises(UsageError, match=r"monitoring\.segments\[1\]: 'site' stands there already"):
            spec("site", "site")

    def test_takes_categories_and_the_device(self) -> None:
        assert spec("site", "device_id").monitoring.segments == ("site", "device_id")
