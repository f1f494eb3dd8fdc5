"""Reading a bounded stretch of a topic, outside any group: for reports and lists."""

import time
from collections.abc import Sequence

from driftline.kafka.interface import Batch, Client, TopicPartition

# Seconds without a record after which a topic is taken to be read: offsets may have holes (transaction markers,
# compaction), so the last one may never come.
SILENCE = 2.0


def read_newest(client: Client, topics: Sequence[str], records: int | None = None) -> list[Batch]:
    """The records of topics up to now; of each only about the newest `records`, if that is given.

    Raises
    ------
    KafkaFault : a topic does not exist or cannot be read.
    """
    found: list[Batch] = []
    for topic in topics:
        look = client.tail([topic], from_end=True)
        try:
            ends = look.ends()
        finally:
            look.close()
        left: dict[TopicPartition, int] = {place: end for place, end in ends.items() if end}
        each = None if records is None else -(-records // max(len(left), 1))
        starts = {place: 0 if each is None else max(end - each, 0) for place, end in left.items()}
        if left:
            found += _read(client, topic, starts, left)
    return found


def _read(
    client: Client, topic: str, starts: dict[TopicPartition, int], left: dict[TopicPartition, int]
) -> list[Batch]:
    found: list[Batch] = []
    tail = client.tail([topic], start=starts)
    try:
        heard = time.monotonic()
        while left and time.monotonic() - heard < SILENCE:
            for batch in tail.poll(0.2):
                heard = time.monotonic()
                found.append(batch)
                if batch.next_offset >= left.get(place := (batch.topic, batch.partition), 0):
                    left.pop(place, None)
    finally:
        tail.close()
    return found
