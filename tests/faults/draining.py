"""When a stream has been worked off: every group has read all that a committed reader can see."""

from __future__ import annotations

import time
import uuid

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

GROUPS = {
    "consumers": ("features",),
    "monitors": ("features", "predictions", "labels"),
    "trainers": ("retraining-jobs",),
}


class Drain:
    """Asks the brokers, not the services, what is left."""

    def __init__(self, bootstrap: str, stream: str) -> None:
        self._bootstrap, self._stream = bootstrap, stream
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def left(self) -> dict[str, int]:
        """By group, how many partitions hold records that it has not committed."""
        return {group: count for group in GROUPS if (count := self.left_of(group))}

    def left_of(self, group: str) -> int:
        """How many partitions hold records that this group has not committed."""
        topics = [f"{self._stream}.{name}" for name in GROUPS[group]]
        metadata = self._admin.list_topics(timeout=20).topics
        places = [TopicPartition(topic, number) for topic in topics for number in metadata[topic].partitions]
        asked = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(f"{self._stream}.{group}", places)], request_timeout=20
        )
        (answer,) = asked.values()
        committed = answer.result().topic_partitions
        reader = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"drain-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
            }
        )
        try:
            # Offsets at the end of a topic are not always reached: transactions leave marks that no reader is given.
            reader.assign([TopicPartition(p.topic, p.partition, max(p.offset, 0)) for p in committed])
            open_places = {(p.topic, p.partition) for p in committed}
            behind = set()
            deadline = time.monotonic() + 10
            while open_places and time.monotonic() < deadline:
                for message in reader.consume(500, timeout=0.5):
                    place = (message.topic(), message.partition())
                    if message.error() is None:
                        behind.add(place)
                        open_places.discard(place)
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        open_places.discard(place)
            return len(behind | open_places)
        finally:
            reader.close()
