"""What the feature decoder promises: every record becomes a row or a reject with the right reason, none is lost."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.kafka.interface import Batch
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

    @pytest.mark.parametrize(
        ("sent", "read"),
        [("-0.0", "-0.0"), ("1e-400", "0.0"), ("1E2", "100.0"), ("3.4028235e38", "3.4028235e+38"), ("1e-46", "0.0")],
    )
    def test_a_number_is_rounded_to_float32(self, sent: str, read: str) -> None:
        value = feature_record([7, 2, 3]).replace(b"[7,", f"[{sent},".encode())
        assert str(DECODER.decode([batch([value])], NOW).columns.numeric[0, 0]) == read

    def test_ids_are_taken_as_they_come(self) -> None:
        # Neither trimmed nor normalised: two spellings are two ids, and control characters are characters.
        ids = ["caf\u00e9", "cafe\u0301", " r ", "\x00", "\n", "\N{GRINNING FACE}" * 128, "r", "r"]
        decoded = DECODER.decode([batch([feature_record([1, 2, 3], record_id) for record_id in ids])], NOW)
        assert decoded.record_ids == ids

    def test_a_key_that_is_null_or_not_the_device_changes_nothing(self) -> None:
        one = batch([feature_record([1, 2, 3])] * 2)
        one = Batch(one.topic, one.partition, one.offsets, one.timestamps, [None, b"x" * 10_000], one.values)
        assert DECODER.decode([one], NOW).device_ids == ["d1", "d1"]

    def test_a_newer_writers_extra_fields_are_ignored(self) -> None:
        assert len(DECODER.decode([batch([feature_record([1, 2, 3], colour="red")])], NOW)) == 1


class TestEveryRejectHasItsReason:
    @pytest.mark.parametrize(
        ("value", "expected", "said"),
        [
            (None, Reason.EMPTY_VALUE, "no value"),
            (b"", Reason.EMPTY_VALUE, "an empty value"),
            (b"\xff\xfe{}", Reason.NOT_UTF8, "byte 0"),
            (b"{", Reason.MALFORMED_JSON, "truncated"),
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
            (feature_record([1, 2, 3], event_time=10**400), Reason.FUTURE_TIMESTAMP, "a number of 1329 bits"),
            (feature_record([1, 2, 3], event_time=-(10**400)), Reason.STALE_TIMESTAMP, "a number of 1329 bits"),
            (feature_record([1, 2, 3], event_time=0), Reason.STALE_TIMESTAMP, "event_time: 0"),
            (feature_record([1, 2, 3], note="x" * 70_000), Reason.TOO_LARGE, "allowed: 65536"),
            (feature_record([10**400, 2, 3]), Reason.NOT_FINITE, "features.x0"),
            (feature_record([1, 2, 3]).replace(b"2,", b"9" * 5_000 + b","), Reason.NOT_FINITE, "thousands of digits"),
            (feature_record([1, "2", 3]), Reason.WRONG_TYPE, "features.x1: '2'; expected a number or null"),
            (feature_record([1, 2, 3], schema_version=0), Reason.UNSUPPORTED_SCHEMA, "schema_version: 0"),
            (feature_record([1, 2, 3], schema_version="1"), Reason.UNSUPPORTED_SCHEMA, "schema_version: '1'"),
            (feature_record([1, 2, 3], schema_version=True), Reason.UNSUPPORTED_SCHEMA, "schema_version: True"),
            (feature_record([1, 2, 3], schema_version=None), Reason.UNSUPPORTED_SCHEMA, "schema_version: None"),
            (feature_record([1, 2, 3], schema_version=1.0), Reason.UNSUPPORTED_SCHEMA, "schema_version: 1.0"),
            (feature_record([1, 2, 3], "\x00" * 129), Reason.INVALID_ID, "record_id: 129 characters"),
            (feature_record([1, 2, 3], device_id="d" * 129), Reason.INVALID_ID, "device_id: 129 characters"),
            (feature_record([1, 2, 3], device_id=None), Reason.WRONG_TYPE, "device_id: None"),
            (b"\xef\xbb\xbf" + feature_record([1, 2, 3]), Reason.MALFORMED_JSON, "byte 0"),
            (feature_record([1, 2, 3]).decode().encode("utf-16"), Reason.NOT_UTF8, "byte 0"),
            (feature_record([1, 2, 3]).decode().encode("utf-16-le"), Reason.MALFORMED_JSON, "byte 1"),
            (feature_record([1, 2, 3]).replace(b"r1", b"r\xe9"), Reason.NOT_UTF8, "byte 37"),
            (feature_record([1, 2, 3]).replace(b"r1", b"\xed\xa0\x80"), Reason.NOT_UTF8, "byte 36"),
            (feature_record([1, 2, 3]).replace(b"r1", b"\\ud800"), Reason.NOT_UTF8, r"the escape \ud800 is half"),
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

    @pytest.mark.parametrize(
        ("found", "instead", "expected"),
        [
            (b'"r1"', b'"r1", "record_id": "r2"', Reason.DUPLICATE_KEY),
            (b'"r1"', b'"r1", "record_id": "r1"', Reason.DUPLICATE_KEY),
            (b'"r1"', b'"r1", "record\\u005fid": "r2"', Reason.DUPLICATE_KEY),
            (b'"d1"', b'"d1", "features": [7, 8, 9]', Reason.DUPLICATE_KEY),
            (b'"schema_version": 1', b'"schema_version": 2, "schema_version": 1', Reason.DUPLICATE_KEY),
            (b'"d1"', b'"d1", "note": "\xff"', Reason.NOT_UTF8),
            (b'"d1"', b'"d1", "\xff": 1', Reason.NOT_UTF8),
            (b'"d1"', b'"d1", "note": "\\udc00"', Reason.NOT_UTF8),
            (b'"d1"', b'"d1", "note": ' + b"[" * 99 + b"1" + b"]" * 99, None),
            (b'"d1"', b'"d1", "note": ' + b"[" * 100 + b"1" + b"]" * 100, Reason.TOO_DEEP),
            (b'"d1"', b'"d1", "note": NaN', Reason.NOT_FINITE),
            (b'"d1"', b'"d1", "note": {"record_id": "inner"}', None),
            (b'"d1"', b'"d1", "note": "record_id"', None),
            (b'"d1"', b'"d1", "note": 1, "note": 2', None),
            (b'"d1"', b'"urn:pump:1"', None),
            (b'"d1"', b'"urn\\u003apump:1"', None),
        ],
    )
    def test_a_record_may_not_be_read_in_two_ways(self, found: bytes, instead: bytes, expected: Reason | None) -> None:
        # The fast decoder takes the last of two keys, and passes over what stands in a field it does not know.
        decoded = DECODER.decode([batch([feature_record([1, 2, 3]).replace(found, instead)])], NOW)
        assert [reject.reason for reject in decoded.rejects] == ([expected] if expected else [])

    def test_a_feature_given_twice_by_name_is_refused(self) -> None:
        value = feature_record({"x0": 1, "x1": 2, "x2": 3}).replace(b'"x0"', b'"x0": 9, "x0"')
        assert reason(value) == (Reason.DUPLICATE_KEY, "x0: there twice; which of the two is meant?")

    @pytest.mark.parametrize("depth", [101, 250, 900, 2_000])
    def test_too_deep_is_too_deep_however_deep_the_caller_stands(self, depth: int) -> None:
        value = feature_record([1, 2, 3], note="N").replace(b'"N"', b"[" * depth + b"]" * depth)

        def ask(frames: int) -> Reason:
            return ask(frames - 1) if frames else reason(value)[0]

        assert [ask(0), ask(400)] == [Reason.TOO_DEEP] * 2

    def test_what_a_detail_shows_obeys_no_terminal(self) -> None:
        detail = reason(feature_record({"\x1b[2J": 1}))[1]
        assert "\x1b" not in detail

    def test_rejects_stand_in_the_order_of_their_records(self) -> None:
        values = [feature_record([1, 2, 3], event_time=5), b"{", feature_record([1e39, 2, 3]), b""]
        rejects = DECODER.decode([batch(values, partition=1), batch(values, start=4)], NOW).rejects
        assert [(r.partition, r.offset) for r in rejects] == [
            *((0, n) for n in range(4, 8)),
            *((1, n) for n in range(4)),
        ]

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
