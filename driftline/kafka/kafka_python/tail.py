"""Reading whole topics outside any group, on kafka-python."""

from collections.abc import Sequence
from typing import Any

from kafka import TopicPartition as KafkaTopicPartition
from kafka.errors import KafkaError

from driftline.kafka.interface import Batch, KafkaFault, Offsets, TopicPartition
from driftline.kafka.kafka_python.batches import to_batches
from driftline.kafka.kafka_python.connecting import open_consumer


class TopicTail:
    """`driftline.kafka.interface.Tail` on kafka-python."""

    def __init__(
        self,
        common: dict[str, Any],
        topics: Sequence[str],
        start: Offsets | None,
        from_end: bool,
        committed_only: bool,
    ) -> None:
        self._consumer = open_consumer(
            **common,
            metrics_enabled=False,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed" if committed_only else "read_uncommitted",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=100,
            allow_auto_create_topics=False,
        )
        try:
            partitions = []
            for topic in topics:
                numbers = self._consumer.partitions_for_topic(topic)
                if not numbers:
                    raise KafkaFault(f"topic {topic} does not exist")
                partitions += [
                    KafkaTopicPartition(topic, number)
                    for number in sorted(numbers)
                    if start is None or (topic, number) in start
                ]
            self._consumer.assign(partitions)
            if start is not None:
                for partition in partitions:
                    self._consumer.seek(partition, start[(partition.topic, partition.partition)])
            elif from_end:
                self._consumer.seek_to_end(*partitions)
                for partition in partitions:
                    self._consumer.position(partition)  # settles the end now, not at the first poll
            else:
                self._consumer.seek_to_beginning(*partitions)
        except KafkaError as error:
            raise KafkaFault(f"topics {', '.join(topics)} cannot be read: {error}") from error

    def poll(self, timeout: float, max_records: int = 10_000) -> list[Batch]:
        try:
            return to_batches(self._consumer.poll(timeout_ms=max(int(timeout * 1000), 0), max_records=max_records))
        except KafkaError as error:
            raise KafkaFault(f"poll failed: {error}") from error

    def positions(self) -> dict[TopicPartition, int]:
        try:
            return {(p.topic, p.partition): self._consumer.position(p) or 0 for p in self._consumer.assignment()}
        except KafkaError as error:
            raise KafkaFault(f"positions cannot be read: {error}") from error

    def ends(self) -> dict[TopicPartition, int]:
        try:
            ends = self._consumer.end_offsets(list(self._consumer.assignment()))
        except KafkaError as error:
            raise KafkaFault(f"end offsets cannot be read: {error}") from error
        return {(p.topic, p.partition): offset for p, offset in ends.items()}

    def close(self) -> None:
        self._consumer.close(autocommit=False)
