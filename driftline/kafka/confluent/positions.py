"""What a member reads next, and what retention took before it could."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaTopicPartition

from driftline.kafka.confluent.errors import detail
from driftline.kafka.interface import Batch, TopicPartition

# A seek to the oldest record, in librdkafka's numbers.
BEGINNING = -2
# Transactions and compaction leave holes between offsets all the time. Where one appears, the oldest record is asked
# for at most so often; retention itself is applied every few minutes.
SECONDS_BETWEEN_LOOKS = 1.0


class Positions:
    """Next offsets of one consumer.

    Where the next offset does not exist, librdkafka goes on from the oldest record by itself and says nothing, so the
    gap is measured here: against the oldest record when a position is taken, and when offsets jump.
    """

    def __init__(self, consumer: Any, timeout: float) -> None:
        self._consumer, self._timeout = consumer, timeout
        self.next: dict[TopicPartition, int] = {}
        self._looked: dict[TopicPartition, float] = {}
        self._skipped: Counter[TopicPartition] = Counter()

    def read(self, batches: list[Batch]) -> None:
        """Take note of what was read."""
        for batch in batches:
            partition = (batch.topic, batch.partition)
            expected = self.next.get(partition)
            if expected is not None and batch.offsets[0] > expected + 1:
                self._look(partition, expected)
            self.next[partition] = batch.next_offset

    def start(self, committed: dict[TopicPartition, Any]) -> None:
        """Begin at what is committed. Raises KafkaException."""
        for partition, offset in committed.items():
            self._looked.pop(partition, None)
            self.next[partition] = self._look(partition, offset.offset)

    def drop(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self.next.pop(partition, None)
            self._looked.pop(partition, None)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there. Raises KafkaException."""
        try:
            self._consumer.seek(KafkaTopicPartition(*partition, offset))
        except KafkaException as error:
            # A partition that was assigned a moment ago is not fetched from yet, and begins at what is committed.
            if detail(error).code() != KafkaError._STATE:
                raise
        self.next.pop(partition, None)
        if offset >= 0:
            self.next[partition] = offset

    def take_skipped(self) -> dict[TopicPartition, int]:
        """Records passed over since the last call."""
        taken, self._skipped = self._skipped, Counter()
        return dict(taken)

    def _look(self, partition: TopicPartition, wanted: int) -> int:
        """Count what is missing between `wanted` and the oldest record; returns the later of the two."""
        now = time.monotonic()
        if now - self._looked.get(partition, float("-inf")) < SECONDS_BETWEEN_LOOKS:
            return wanted
        self._looked[partition] = now
        oldest: int
        oldest, _ = self._consumer.get_watermark_offsets(KafkaTopicPartition(*partition), timeout=self._timeout)
        if oldest > wanted:
            self._skipped[partition] += oldest - wanted
        return max(oldest, wanted)
