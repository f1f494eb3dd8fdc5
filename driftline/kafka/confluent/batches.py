"""From librdkafka's messages to columns, in as few steps a record as Python allows."""

from collections import defaultdict
from typing import Any

from confluent_kafka import Message

from driftline.kafka.interface import Batch


def to_batches(messages: list[Any], headers: bool = False) -> list[Batch]:
    """One `Batch` a topic partition, in a fixed order. `messages` hold records only, in the order they were fetched."""
    groups: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    for key, message in zip(
        zip(map(Message.topic, messages), map(Message.partition, messages), strict=True), messages, strict=True
    ):
        groups[key].append(message)
    return [
        Batch(
            topic=topic,
            partition=partition,
            offsets=list(map(Message.offset, mine)),
            timestamps=[time for _, time in map(Message.timestamp, mine)],
            keys=list(map(Message.key, mine)),
            values=list(map(Message.value, mine)),
            headers=list(map(Message.headers, mine)) if headers else (),
        )
        for (topic, partition), mine in sorted(groups.items())
    ]
