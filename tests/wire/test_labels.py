"""What the label decoder promises: every value becomes a label of the stream or a reject with the right reason."""

from typing import Any

import pytest

from driftline.records import Label, Reason
from driftline.wire.labels import Labels, _Label, decode_labels
from tests.streams import NOW, batch

CLASSES = ["ok", "worn"]
GOOD = Label(record_id="r", device_id="d", label="ok", labelled_at=NOW).to_json()


def decode(value: bytes | None) -> Labels:
    return decode_labels([batch([value], "pumps.labels", 1, 8)], CLASSES)


def test_fields_are_those_of_the_contract() -> None:
    assert set(_Label.__struct_fields__) == set(Label.model_fields)


@pytest.mark.parametrize("label", ["ok", ["ok", "worn"], []])
def test_what_the_contract_writes_is_read(label: str | list[str]) -> None:
    decoded = decode(Label(record_id="r", device_id="d", label=label, labelled_at=NOW).to_json())
    assert decoded.labels == [label]
    assert decoded.offsets.tolist() == [8]


@pytest.mark.parametrize("labelled_at", [0, -1, 2**62])
def test_a_label_may_be_of_any_time(labelled_at: int) -> None:
    # The truth may be known years later; only the record's own time is judged.
    value = Label(record_id="r", device_id="d", label="ok", labelled_at=labelled_at).to_json()
    assert decode(value).labelled_at.tolist() == [labelled_at]


@pytest.mark.parametrize(
    ("found", "instead", "reason", "said"),
    [
        (GOOD, None, Reason.EMPTY_VALUE, "no value"),
        (GOOD, b"", Reason.EMPTY_VALUE, "an empty value"),
        (GOOD, GOOD[:-3], Reason.MALFORMED_JSON, "truncated"),
        (GOOD, b"[]", Reason.NOT_AN_OBJECT, "a label is an object"),
        (GOOD, b"[" * 30_000, Reason.TOO_DEEP, "allowed: 100"),
        (b"{", b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b", ", Reason.TOO_DEEP, "nested 5001 deep"),
        (b'"ok"', b'"odd"', Reason.UNKNOWN_CLASS, "label: 'odd' is not a class of the stream"),
        (b'"ok"', b'["ok", "odd"]', Reason.UNKNOWN_CLASS, "label: 'odd'"),
        (b'"ok"', b'["ok", "ok", "ok"]', Reason.WRONG_WIDTH, "3 classes; the stream has 2"),
        (b'"ok"', b'["ok", 1]', Reason.WRONG_TYPE, "label: 1 among its classes"),
        (b'"ok"', b"true", Reason.WRONG_TYPE, "label: True"),
        (b'"r"', b'""', Reason.INVALID_ID, "record_id: 0 characters"),
        (b'"r"', b'"r", "record_id": "s"', Reason.DUPLICATE_KEY, "record_id: there twice"),
        (b'"ok"', b'"ok", "label": "worn"', Reason.DUPLICATE_KEY, "label: there twice"),
        (b'"r"', b'"\\ud800"', Reason.NOT_UTF8, "half a surrogate pair"),
        (b'"r"', b'"\xff"', Reason.NOT_UTF8, "invalid start byte"),
        (b"1800000000000", b"%d" % 10**30, Reason.WRONG_TYPE, "labelled_at: a number of 100 bits"),
        (b"1800000000000", b"1.5", Reason.WRONG_TYPE, "labelled_at: 1.5"),
        (b"1800000000000", b"NaN", Reason.NOT_FINITE, "the token NaN"),
        (b'"schema_version":1', b'"schema_version":3', Reason.UNSUPPORTED_SCHEMA, "schema_version: 3"),
        (b'"device_id":"d",', b"", Reason.MISSING_FIELD, "device_id: not there"),
    ],
)
def test_a_malformed_label_is_told_with_its_place(found: bytes, instead: Any, reason: Reason, said: str) -> None:
    value = GOOD.replace(found, instead) if instead is not None else None
    decoded = decode(value)
    assert len(decoded) == 0
    reject = decoded.malformed[0]
    assert (reject.topic, reject.partition, reject.offset, reject.value) == ("pumps.labels", 1, 8, value)
    assert reject.reason == reason
    assert said in reject.detail
