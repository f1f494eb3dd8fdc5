"""Headers of single records, written and read by each library, on both brokers."""

from driftline.kafka.connect import Endpoint, connect
from driftline.kafka.interface import Batch, Outgoing, Reader, TopicRequest
from driftline.spec.sections import KafkaSpec
from tests.kafka.polling import until


def poll_until(reader: Reader, count: int) -> list[Batch]:
    found: list[Batch] = []
    assert until(lambda: sum(map(len, found)) >= count, lambda: found.extend(reader.poll(0.2, 1_000)))
    return found


def test_the_few_that_have_their_own_keep_them(bootstrap: str, library: str, fresh_name: str) -> None:
    client = connect(Endpoint(bootstrap, KafkaSpec(client=library)))  # type: ignore[arg-type]
    client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})])
    writer = client.writer()
    values: list[bytes | None] = [b"%d" % i for i in range(5)]
    writer.send(Outgoing(fresh_name, values, [b"k"] * 5, 0, [("all", b"a")], {1: [("own", b"1")], 4: [("own", b"4")]}))
    writer.send(Outgoing(fresh_name, [b"5"], [b"k"], 0))
    writer.commit(None, {})
    writer.close()
    reader = client.reader(f"g-{fresh_name}", [fresh_name])
    reader.keep_headers()
    found = {}
    for batch in poll_until(reader, 6):
        assert len(batch.headers) == len(batch)
        found |= {value: dict(headers or ()) for value, headers in zip(batch.values, batch.headers, strict=True)}
    reader.close()
    client.close()
    every = {"all": b"a"}
    expected: list[dict[str, bytes]] = [every, {**every, "own": b"1"}, every, every, {**every, "own": b"4"}, {}]
    assert [found[b"%d" % i] for i in range(6)] == expected


def test_a_reader_that_was_not_told_keeps_none(bootstrap: str, library: str, fresh_name: str) -> None:
    client = connect(Endpoint(bootstrap, KafkaSpec(client=library)))  # type: ignore[arg-type]
    client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})])
    writer = client.writer()
    writer.send(Outgoing(fresh_name, [b"0"], None, 0, [("all", b"a")]))
    writer.commit(None, {})
    writer.close()
    reader = client.reader(f"g-{fresh_name}", [fresh_name])
    assert [batch.headers for batch in poll_until(reader, 1)] == [()]
    reader.close()
    client.close()
