"""Ways to break a feature record, each with the reason its dead letter must give."""

import json
import time
from collections.abc import Callable
from typing import Any

from driftline.records import Reason

Record = dict[str, Any]


def with_field(name: str, value: Any) -> Callable[[Record], bytes]:
    return lambda record: json.dumps(record | {name: value}).encode()


def with_features(change: Callable[[list[Any]], Any]) -> Callable[[Record], bytes]:
    return lambda record: json.dumps(record | {"features": change(record["features"])}).encode()


def without(name: str) -> Callable[[Record], bytes]:
    return lambda record: json.dumps({k: v for k, v in record.items() if k != name}).encode()


WAYS: list[tuple[Reason, Callable[[Record], bytes | None]]] = [
    (Reason.EMPTY_VALUE, lambda record: b""),
    (Reason.EMPTY_VALUE, lambda record: None),
    (Reason.NOT_UTF8, lambda record: json.dumps(record).encode("utf-16")),
    (Reason.MALFORMED_JSON, lambda record: json.dumps(record).encode()[:-20]),
    (Reason.MALFORMED_JSON, lambda record: json.dumps(record).replace(":", "=").encode()),
    (Reason.NOT_AN_OBJECT, lambda record: json.dumps(record["features"]).encode()),
    (Reason.TOO_DEEP, lambda record: b"[" * 20_000 + b"]" * 20_000),
    (Reason.TOO_LARGE, with_field("note", "x" * 70_000)),
    (Reason.MISSING_FIELD, without("features")),
    (Reason.MISSING_FIELD, without("device_id")),
    (Reason.WRONG_TYPE, with_field("event_time", "yesterday")),
    (Reason.WRONG_TYPE, with_features(lambda values: ["much", *values[1:]])),
    (Reason.UNSUPPORTED_SCHEMA, with_field("schema_version", 9)),
    (Reason.INVALID_ID, with_field("record_id", "")),
    (Reason.WRONG_WIDTH, with_features(lambda values: values[:-1])),
    (Reason.WRONG_WIDTH, with_features(lambda values: [*values, 0.0])),
    (Reason.UNKNOWN_FEATURE, with_features(lambda values: {"x01": 1.0, "nonsense": 2.0})),
    (Reason.NOT_FINITE, with_features(lambda values: [float("nan"), *values[1:]])),
    (Reason.NOT_FINITE, with_features(lambda values: [float("inf"), *values[1:]])),
    (Reason.NOT_FINITE, with_features(lambda values: [1e300, *values[1:]])),
    (Reason.FUTURE_TIMESTAMP, with_field("event_time", int((time.time() + 86_400) * 1000))),
    (Reason.STALE_TIMESTAMP, with_field("event_time", 1_000)),
    (Reason.FUTURE_TIMESTAMP, with_field("event_time", 10**400)),
    (Reason.STALE_TIMESTAMP, with_field("event_time", -1)),
    (Reason.NOT_UTF8, lambda record: json.dumps(record).replace("r-", "r\\ud800").encode()),
    (Reason.NOT_UTF8, lambda record: json.dumps(record).encode().replace(b"r-", b"r\xff")),
    (Reason.NOT_UTF8, lambda record: json.dumps(record | {"note": "N"}).encode().replace(b"N", b"\xc3")),
    (Reason.MALFORMED_JSON, lambda record: b"\xef\xbb\xbf" + json.dumps(record).encode()),
    (Reason.MALFORMED_JSON, lambda record: json.dumps(record).encode("utf-16-le")),
    (Reason.DUPLICATE_KEY, lambda record: json.dumps(record)[:-1].encode() + b', "record_id": "again"}'),
    (Reason.TOO_DEEP, lambda record: json.dumps(record)[:-1].encode() + b', "x": ' + b"[" * 500 + b"]" * 500 + b"}"),
    (Reason.TOO_LARGE, lambda record: b"x" * 1_000_000),
    (Reason.INVALID_ID, with_field("record_id", "\x00" * 129)),
    (Reason.WRONG_TYPE, with_features(lambda values: [True, *values[1:]])),
    (Reason.WRONG_TYPE, with_features(lambda values: ["1.0", *values[1:]])),
    (Reason.UNSUPPORTED_SCHEMA, with_field("schema_version", 0)),
    (Reason.UNSUPPORTED_SCHEMA, with_field("schema_version", "1")),
    (Reason.NOT_FINITE, with_features(lambda values: [10**400, *values[1:]])),
]
