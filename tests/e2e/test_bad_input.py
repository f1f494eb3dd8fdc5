"""Bad input is normal: 10,000 records, 500 of them broken in many ways, through a consumer on a real broker."""

import base64
import json
import time
from collections import Counter
from pathlib import Path

from driftline.kafka.interface import Outgoing
from driftline.records import DeadLetter, Reason
from driftline.spec import load_spec
from driftline.tables import read_table, wire_rows
from tests.e2e.broken import WAYS
from tests.e2e.conftest import DATA
from tests.e2e.stack import Stack, running


def read_letters(stack: Stack, count: int) -> list[DeadLetter]:
    """The stream's dead letters from the beginning, as soon as there are `count` of them."""
    tail = stack.client.tail([stack.workspace.spec.topics.dead_letters])
    letters: list[DeadLetter] = []
    deadline = time.monotonic() + 60
    while len(letters) < count and time.monotonic() < deadline:
        letters += [DeadLetter.from_json(v or b"") for batch in tail.poll(0.5) for v in batch.values]
    tail.close()
    return letters


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
        letters = read_letters(stack, 500)
    assert sum(ledger.answered.values()) == 9_500
    assert sum(ledger.buried.values()) == 500
    assert ledger.reasons == {reason.value: count for reason, count in expected.items()}
    assert (ledger.lost, ledger.duplicates) == (0, 0)
    assert len({(letter.source_partition, letter.source_offset) for letter in letters}) == 500
    for letter in letters:
        kept = len(base64.b64decode(letter.payload_base64))
        assert letter.detail and letter.source_topic == spec.topics.features
        assert kept == min(letter.payload_bytes, spec.serving.dead_letter_payload_bytes)
    assert max(letter.payload_bytes for letter in letters) == 1_000_000


def test_an_odd_envelope_is_no_reason_to_refuse(stream: str, tmp_path: Path, bootstrap: str) -> None:
    """No key, another's key, a huge key, a hundred headers, an id used twice, an id of control characters."""
    with running(tmp_path, stream, bootstrap, ["consumer"]) as stack:
        stack.await_ready()
        spec = load_spec(stack.workspace.path, {})
        row = list(wire_rows(spec, read_table(DATA))[0])
        now = int(time.time() * 1000)
        ids = ["no-key", "foreign-key", "huge-key", "twice", "twice", "\x00\n\x1b", "\N{GRINNING FACE}" * 128]
        records = [{"record_id": n, "device_id": "d-1", "event_time": now, "features": row} for n in ids]
        values: list[bytes | None] = [json.dumps(record).encode() for record in records]
        keys: list[bytes | None] = [None, b"somebody-else", b"k" * 100_000, *[b"d-1"] * 4]
        headers = [("h" * 1_000, b"\xff" * 1_000)] * 100
        writer = stack.client.writer()
        writer.send(Outgoing(spec.topics.features, values, keys, headers=headers))
        # The same envelopes around values that are none: their dead letters must fit all the same.
        writer.send(Outgoing(spec.topics.features, [b"{"] * len(keys), keys, headers=headers))
        writer.commit(None, {})
        writer.close()
        ledger, count = stack.ledger, len(ids)
        stack.wait("every record to be answered or refused", lambda: len(ledger.sent) == 2 * count and ledger.settled)
        tail = stack.client.tail([spec.topics.predictions])
        found: list[tuple[str, bytes | None]] = []
        deadline = time.monotonic() + 30
        while len(found) < count and time.monotonic() < deadline:
            for batch in tail.poll(0.5):
                found += [(json.loads(v or b"")["record_id"], k) for k, v in zip(batch.keys, batch.values, strict=True)]
        tail.close()
    assert sorted(record_id for record_id, _ in found) == sorted(ids)
    assert {key for _, key in found} == {b"d-1"}
    assert (sum(ledger.answered.values()), sum(ledger.buried.values())) == (count, count)
    assert (ledger.lost, ledger.duplicates) == (0, 0)
