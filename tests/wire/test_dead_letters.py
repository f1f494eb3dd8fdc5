"""What a dead letter promises: it is bounded whatever was refused, and leads back to it."""

import base64

import pytest

from driftline.records import DeadLetter, Reason
from driftline.wire.dead_letters import MOST_PAYLOAD_BYTES, _DeadLetter, bury, encode_dead_letters
from driftline.wire.rejects import Reject

NOW = 1_800_000_000_000
A_BROKERS_LIMIT = 1_048_588
"""message.max.bytes of Apache Kafka, as it comes."""


def refused(value: bytes | None = b"{", key: bytes | None = b"d", offset: int = 7, detail: str = "why") -> Reject:
    return Reject("pumps.features", 3, offset, key, value, Reason.MALFORMED_JSON, detail)


def letter(reject: Reject, kept: int = 100) -> DeadLetter:
    return DeadLetter.from_json(encode_dead_letters([reject], kept, NOW)[0])


def test_fields_are_those_of_the_contract() -> None:
    assert set(_DeadLetter.__struct_fields__) == set(DeadLetter.model_fields)


def test_it_is_written_as_the_contract_writes_it() -> None:
    value = encode_dead_letters([refused("ü\n".encode())], 100, NOW)[0]
    assert DeadLetter.from_json(value).to_json() == value.replace(b'"schema_version":1,', b'"schema_version":1,', 1)


def test_it_leads_back_to_its_record() -> None:
    read = letter(refused())
    assert (read.source_topic, read.source_partition, read.source_offset) == ("pumps.features", 3, 7)
    assert base64.b64decode(read.payload_base64) == b"{"


@pytest.mark.parametrize(("length", "whole"), [(0, True), (99, True), (100, True), (101, False), (900_000, False)])
def test_a_cut_payload_can_be_told_from_a_whole_one(length: int, whole: bool) -> None:
    read = letter(refused(b"x" * length))
    assert read.payload_bytes == length
    assert (len(base64.b64decode(read.payload_base64)) == read.payload_bytes) == whole


@pytest.mark.parametrize("kept", [0, 4_096, 10**9])
def test_it_fits_what_a_broker_takes_whatever_was_refused(kept: int) -> None:
    worst = refused(b"\xff" * 8_000_000, b"k" * 1_000_000, 2**62, "\x00\N{GRINNING FACE}" * 5_000)
    out = bury("pumps.dead-letters", [worst], kept, NOW)[0]
    assert len(out.values[0] or b"") + len((out.keys or [b""])[0] or b"") < min(A_BROKERS_LIMIT, kept * 1.34 + 5_000)
    assert len(DeadLetter.from_json(out.values[0] or b"").payload_base64) <= MOST_PAYLOAD_BYTES * 4 / 3 + 4


def test_letters_go_to_their_records_partition_in_order_in_one_piece() -> None:
    rejects = [refused(offset=n, key=None if n else b"d" * 300) for n in range(1_000)]
    (out,) = bury("pumps.dead-letters", rejects, 100, NOW)
    assert out.partition == 3
    assert [DeadLetter.from_json(value or b"").source_offset for value in out.values] == list(range(1_000))
    assert out.keys == [b"d" * 256, *[None] * 999]
