"""Small steps that tests of the Kafka clients share: produce, collect, wait for a condition with a deadline."""

import time
from collections.abc import Callable

from driftline.kafka.interface import Batch, Client, Outgoing, Reader, Tail

Row = tuple[int, int, bytes | None, bytes | None]


def collect(source: Reader | Tail, count: int, seconds: float = 20.0) -> list[Row]:
    """Poll until `count` records came: (partition, offset, key, value)."""
    found: list[Row] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        for batch in source.poll(0.2, 1_000):
            found += rows(batch)
    return found


def rows(batch: Batch) -> list[Row]:
    return [(batch.partition, *row) for row in zip(batch.offsets, batch.keys, batch.values, strict=True)]


def ends(topic: str, found: list[Row]) -> dict[tuple[str, int], int]:
    """The offsets to commit once these records are done."""
    return {(topic, p): 1 + max(o for q, o, *_ in found if q == p) for p in {q for q, *_ in found}}


def produce(client: Client, topic: str, count: int, keys: int = 10) -> None:
    writer = client.writer()
    writer.send(Outgoing(topic, [b"%d" % i for i in range(count)], [b"device-%d" % (i % keys) for i in range(count)]))
    writer.commit(None, {})
    writer.close()


def until(condition: Callable[[], bool], step: Callable[[], object], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        step()
    return True
