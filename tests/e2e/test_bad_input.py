"""Bad input is normal: 10,000 records, 500 of them broken in many ways, through a consumer on a real broker."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftline.kafka.interface import Outgoing
from driftline.records import DeadLetter, Reason
from driftline.spec import load_spec
from driftline.tables import read_table, wire_rows
from tests.e2e.conftest import DATA
from tests.e2e.stack import running

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
]


def test_500_of_10_000_broken(stream: str, tmp_path: Path, bootstrap: str) -> None:
    with running(tmp_path, stream, bootstrap, ["consumer"]) as stack:
        stack.await_ready()
        spec = load_spec(stack.workspace.path, {})
        rows = wire_rows(spec, read_table(DATA))
        now = int(time.time() * 1000)
        values: list[bytes | None] = []
        expected: Counter[Reason] = Counter()
        for i in range(10_000):
            record = {
                "record_id": f"r-{i}",
                "device_id": f"d-{i % 8}",
                "event_time": now,
                "features": list(rows[i % len(rows)]),
            }
            if i % 20 == 7:
                reason, breaking = WAYS[(i // 20) % len(WAYS)]
                values.append(breaking(record))
                expected[reason] += 1
            else:
                values.append(json.dumps(record).encode())
        assert sum(expected.values()) == 500
        assert len(expected) >= 12
        writer = stack.client.writer()
        writer.send(Outgoing(spec.topics.features, values, [b"d-%d" % (i % 8) for i in range(len(values))]))
        writer.commit(None, {})
        writer.close()
        ledger = stack.ledger
        stack.wait("every record to be answered or refused", lambda: len(ledger.sent) == 10_000 and ledger.settled)
        # One dead letter, whole: enough to find the original again and to see what it was.
        tail = stack.client.tail([spec.topics.dead_letters])
        letters = [DeadLetter.from_json(v or b"") for batch in tail.poll(10.0) for v in batch.values]
        tail.close()
    assert sum(ledger.answered.values()) == 9_500
    assert sum(ledger.buried.values()) == 500
    assert ledger.reasons == {reason.value: count for reason, count in expected.items()}
    assert (ledger.lost, ledger.duplicates) == (0, 0)
    assert letters
    assert all(letter.detail and letter.source_topic == spec.topics.features for letter in letters)
