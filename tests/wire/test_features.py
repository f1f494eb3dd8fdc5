"""What the feature decoder promises: every record becomes a row or a reject with the right reason, none is lost."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.records import FeatureRecord, Reason
from driftline.wire.features import FeatureDecoder
from tests.streams import NOW, batch, feature_record, mixed_stream, numeric_stream

DECODER = FeatureDecoder(numeric_stream())
MIXED = FeatureDecoder(mixed_stream())
GOOD = ["north", 1.5, "leaks again", "2", 40]


def reason(value: bytes | None, decoder: FeatureDecoder = DECODER) -> tuple[Reason, str]:
    decoded = decoder.decode([batch([value])], NOW)
    assert len(decoded) == 0
    assert len(decoded.rejects) == 1
    return decoded.rejects[0].reason, decoded.rejects[0].detail


class TestValidRecords:
    def test_by_position_and_by_name_are_the_same(self) -> None:
        values = [feature_record([1, 2.5, None]), feature_record({"x2": None, "x0": 1, "x1": 2.5})]
        decoded = DECODER.decode([batch(values)], NOW)
        np.testing.assert_array_equal(decoded.columns.numeric, np.float32([[1, 2.5, np.nan]] * 2))
        assert not decoded.rejects

    def test_each_column_lands_in_its_matrix(self) -> None:
        decoded = MIXED.decode([batch([feature_record(GOOD)], "tickets.features")], NOW)
        np.testing.assert_array_equal(decoded.columns.numeric, np.float32([[1.5, 40]]))
        assert decoded.columns.categorical.tolist() == [["north", "2"]]
        assert decoded.columns.text.tolist() == [["leaks again"]]

    @pytest.mark.parametrize(("sent", "read"), [(1, "1"), (True, "true"), ("2", "2"), (None, None), ("new", "new")])
    def test_a_category_is_taken_by_its_json_text(self, sent: Any, read: str | None) -> None:
        decoded = MIXED.decode([batch([feature_record([*GOOD[:3], sent, 40])])], NOW)
        assert decoded.columns.categorical[0, 1] == read

    def test_places_and_order_are_kept(self) -> None:
        first = batch([feature_record([i, 0, 0], f"a{i}") for i in range(3)], partition=2, start=7)
        second = batch([feature_record([i, 0, 0], f"b{i}") for i in range(2)], partition=5, start=0)
        decoded = DECODER.decode([first, second], NOW)
        assert decoded.record_ids == ["a0", "a1", "a2", "b0", "b1"]
        assert decoded.partitions.tolist() == [2, 2, 2, 5, 5]
        assert decoded.offsets.tolist() == [7, 8, 9, 0, 1]

    def test_a_newer_writers_extra_fields_are_ignored(self) -> None:
        assert len(DECODER.decode([batch([feature_record([1, 2, 3], colour="red")])], NOW)) == 1


class TestEveryRejectHasItsReason:
    @pytest.mark.parametrize(
        ("value", "expected", "said"),
        [
            (None, Reason.EMPTY_VALUE, "no value"),
            (b"", Reason.EMPTY_VALUE, "an empty value"),
            (b"\xff\xfe{}", Reason.NOT_UTF8, "byte 0"),
            (b"{", Reason.MALFORMED_JSON, "line 1"),
            (feature_record([1, 2, 3])[:-5], Reason.MALFORMED_JSON, ""),
            (feature_record([1, 2, 3]) + feature_record([1, 2, 3]), Reason.MALFORMED_JSON, "Extra data"),
            (b"[1, 2]", Reason.NOT_AN_OBJECT, "a JSON array"),
            (b'"text"', Reason.NOT_AN_OBJECT, "a JSON string"),
            (b"[" * 30_000 + b"]" * 30_000, Reason.TOO_DEEP, "nested"),
            (b'{"record_id": "a"}', Reason.MISSING_FIELD, "device_id"),
            (feature_record({"x0": 1, "x1": 2}), Reason.MISSING_FIELD, "features.x2"),
            (feature_record({"x0": 1, "x1": 2, "x2": 3, "x9": 4}), Reason.UNKNOWN_FEATURE, "features.x9"),
            (feature_record([1, 2, 3], 7), Reason.WRONG_TYPE, "record_id: 7; expected a string"),
            (feature_record([1, 2, 3], event_time="now"), Reason.WRONG_TYPE, "event_time"),
            (feature_record([1, 2, 3], event_time=1.5), Reason.WRONG_TYPE, "event_time"),
            (feature_record("1,2,3"), Reason.WRONG_TYPE, "features"),
            (feature_record([1, "two", 3]), Reason.WRONG_TYPE, "features.x1: 'two'; expected a number or null"),
            (feature_record([1, [2], 3]), Reason.WRONG_TYPE, "features.x1: a JSON array"),
            (feature_record([1, True, 3]), Reason.WRONG_TYPE, "features.x1"),
            (feature_record([1, 2, 3], ""), Reason.INVALID_ID, "record_id: 0 characters"),
            (feature_record([1, 2, 3], "r" * 129), Reason.INVALID_ID, "129 characters"),
            (feature_record([1, 2]), Reason.WRONG_WIDTH, "2 values; pumps has 3"),
            (feature_record([1, 2, 3, 4]), Reason.WRONG_WIDTH, "4 values; pumps has 3"),
            (feature_record([1, math.nan, 3]), Reason.NOT_FINITE, "the token NaN"),
            (feature_record([1, -math.inf, 3]), Reason.NOT_FINITE, "the token -Infinity"),
            (feature_record([1, "NaN", 3]), Reason.NOT_FINITE, "features.x1"),
            (feature_record([1, 1e39, 3]), Reason.NOT_FINITE, "features.x1: outside the range of float32"),
            (feature_record([1, 2, 3]).replace(b"2,", b"1e999,"), Reason.NOT_FINITE, "features.x1"),
            (feature_record([1, 2, 3], schema_version=2), Reason.UNSUPPORTED_SCHEMA, "schema_version: 2"),
            (feature_record([1, 2, 3], event_time=NOW + 301_000), Reason.FUTURE_TIMESTAMP, "301 s ahead"),
            (feature_record([1, 2, 3], event_time=NOW // 1000), Reason.STALE_TIMESTAMP, "milliseconds"),
            (feature_record([1, 2, 3], event_time=10**40), Reason.FUTURE_TIMESTAMP, "ahead"),
            (feature_record([1, 2, 3], note="x" * 70_000), Reason.TOO_LARGE, "allowed: 65536"),
        ],
    )
    def test_numeric(self, value: bytes | None, expected: Reason, said: str) -> None:
        found, detail = reason(value)
        assert found == expected
        assert said in detail

    @pytest.mark.parametrize(
        ("features", "expected", "said"),
        [
            (["west", *GOOD[1:]], Reason.UNKNOWN_CATEGORY, "features.site: 'west'"),
            ([1.5, *GOOD[1:]], Reason.WRONG_TYPE, "features.site"),
            ([*GOOD[:2], 5, *GOOD[3:]], Reason.WRONG_TYPE, "features.note"),
            ([*GOOD[:4], None], Reason.MISSING_VALUE, "features.heat"),
        ],
    )
    def test_mixed(self, features: list[Any], expected: Reason, said: str) -> None:
        found, detail = reason(feature_record(features), MIXED)
        assert found == expected
        assert said in detail

    def test_a_reject_says_where_it_came_from(self) -> None:
        reject = DECODER.decode([batch([b"{"], "pumps.features", 3, 99)], NOW).rejects[0]
        assert (reject.topic, reject.partition, reject.offset, reject.key) == ("pumps.features", 3, 99, b"d1")


class TestNeighbours:
    def test_a_bad_value_cannot_reach_into_its_neighbours(self) -> None:
        # Joined into one JSON array, the first two halves would read as one record and the third as two.
        good = feature_record([1, 2, 3], "good")
        halves = [good[:40], good[40:], good + b"," + good, good]
        decoded = DECODER.decode([batch(halves)], NOW)
        assert decoded.record_ids == ["good"]
        assert decoded.offsets.tolist() == [3]
        assert [reject.offset for reject in decoded.rejects] == [0, 1, 2]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "schema_version": st.sampled_from([1, 1, 2, "1", None, True]),
        "record_id": st.text(max_size=140) | json_values,
        "device_id": st.just("d1") | json_values,
        "event_time": st.just(NOW) | st.integers() | json_values,
        "features": st.lists(st.floats(-10, 10) | st.none(), min_size=2, max_size=4) | json_values,
    },
)
wire = st.one_of(
    st.none(),
    st.binary(max_size=200),
    documents.map(lambda d: json.dumps(d).encode()),
    json_values.map(lambda v: json.dumps(v).encode()),
)


class TestAnyInput:
    @settings(max_examples=400, deadline=None)
    @given(values=st.lists(wire, max_size=6))
    def test_every_record_is_either_a_row_or_a_reject(self, values: list[bytes | None]) -> None:
        decoded = DECODER.decode([batch(values)], NOW)
        places = decoded.offsets.tolist() + [reject.offset for reject in decoded.rejects]
        assert sorted(places) == list(range(len(values)))
        assert decoded.columns.numeric.shape == (len(decoded), 3)
        assert not np.isinf(decoded.columns.numeric).any()
        for offset in decoded.offsets.tolist():
            # What the fast decoder takes, the contract takes too.
            FeatureRecord.from_json(values[offset] or b"")
