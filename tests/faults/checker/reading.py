"""Reading topics whole, as a committed reader sees them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

Take = Callable[[Sequence[Any]], None]
# Longer than any transaction of the services may stay open; what an instance left open when it was killed for good
# ends by then, and until it does a committed reader stops before it.
PATIENCE = 60.0
AT_ONCE = 5_000


class Unreadable(RuntimeError):
    """The topics cannot be read to their ends."""


def read_whole(bootstrap: str, topics: Mapping[str, Take], progress: Callable[[int], None] = lambda read: None) -> int:
    """Hand every committed record of `topics`, in offset order a partition, to each topic's own `Take`.

    Reads to the ends that the topics have now, what is not yet committed or aborted included: it waits for that to be
    settled. Returns how many records were read; a topic that does not exist is an error.

    Raises
    ------
    Unreadable : a topic is not there, or nothing more came for a minute.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    metadata = admin.list_topics(timeout=20).topics
    missing = [topic for topic in topics if topic not in metadata]
    if missing:
        raise Unreadable(f"no such topics: {', '.join(missing)}")
    partitions = [TopicPartition(topic, number) for topic in topics for number in metadata[topic].partitions]
    wanted = _ends(admin, partitions)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"checker-{uuid.uuid4().hex}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )
    try:
        consumer.assign([TopicPartition(p.topic, p.partition, 0) for p in partitions if wanted[p.topic, p.partition]])
        return _drain(consumer, {place: end for place, end in wanted.items() if end}, topics, progress)
    finally:
        consumer.close()


def _ends(admin: AdminClient, partitions: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
    deadline = time.monotonic() + PATIENCE
    while True:
        asked = admin.list_offsets(
            {TopicPartition(p.topic, p.partition): OffsetSpec.latest() for p in partitions},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=20,
        )
        try:
            return {(p.topic, p.partition): future.result().offset for p, future in asked.items()}
        except KafkaException as error:
            # A topic that was just made, or whose leader has just changed, has its ends a moment later.
            if time.monotonic() > deadline:
                raise Unreadable(f"the ends of the topics cannot be had: {error}") from error
            time.sleep(0.1)


def _drain(
    consumer: Consumer,
    left: dict[tuple[str, int], int],
    topics: Mapping[str, Take],
    progress: Callable[[int], None],
) -> int:
    read, moved = 0, time.monotonic()
    while left:
        by_topic: dict[str, list[Any]] = {}
        for message in consumer.consume(AT_ONCE, timeout=0.5):
            error = message.error()
            if error is None:
                by_topic.setdefault(message.topic(), []).append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                place = (message.topic(), message.partition())
                if message.offset() >= left.get(place, 0):
                    left.pop(place, None)
                    moved = time.monotonic()
            elif error.code() == KafkaError._AUTO_OFFSET_RESET or not error.retriable():
                raise Unreadable(f"{message.topic()}[{message.partition()}]: {error.str()}")
        for topic, messages in by_topic.items():
            topics[topic](messages)
            read += len(messages)
            moved = time.monotonic()
        if by_topic:
            progress(read)
        if time.monotonic() - moved > PATIENCE:
            waiting = ", ".join(f"{topic}[{number}] before {end}" for (topic, number), end in sorted(left.items()))
            raise Unreadable(f"nothing more came for {PATIENCE:.0f} s; not read to the end: {waiting}")
    return read
