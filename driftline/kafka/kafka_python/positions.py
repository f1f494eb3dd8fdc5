"""Where a member reads on when what is next does not exist: at a first start, and after retention."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from kafka.errors import LogTruncationError, NoOffsetForPartitionError, OffsetOutOfRangeError

from driftline.kafka.interface import TopicPartition

# What a poll raises instead of choosing a position by itself (`auto_offset_reset='none'`), so that a first start and a
# gap can be told apart.
NO_POSITION = (NoOffsetForPartitionError, OffsetOutOfRangeError, LogTruncationError)


class Positions:
    """Settles positions of one consumer and counts what retention took from it."""

    def __init__(self, consumer: Any, timeout_ms: int) -> None:
        self._consumer, self._timeout_ms = consumer, timeout_ms
        self._skipped: Counter[TopicPartition] = Counter()

    def settle(self, error: Exception) -> None:
        """Put every partition that `error` names where it can be read. Raises KafkaError where the broker is silent."""
        if isinstance(error, NoOffsetForPartitionError):
            self._consumer.seek_to_beginning(*self._owned(error.args[0]))
        elif isinstance(error, OffsetOutOfRangeError):
            self._past_the_gap(error.args[0])
        elif isinstance(error, LogTruncationError):
            # A leader that had not yet copied the newest records took over: what is left begins where it says.
            known = {p: offset.offset for p, offset in error.divergent_offsets.items() if offset is not None}
            self._past_the_gap({p: None for p in error.divergent_offsets if p not in known})
            for partition in self._owned(known):
                self._consumer.seek(partition, known[partition])

    def take_skipped(self) -> dict[TopicPartition, int]:
        """Records passed over since the last call."""
        taken, self._skipped = self._skipped, Counter()
        return dict(taken)

    def _past_the_gap(self, wanted: dict[Any, int | None]) -> None:
        partitions = self._owned(wanted)
        if not partitions:
            return
        starts = self._consumer.beginning_offsets(partitions, timeout_ms=self._timeout_ms)
        for partition in partitions:
            start, position = starts[partition], wanted[partition]
            # A position above the end is a topic that was deleted and made again: its records are all still to come.
            if position is not None and start > position:
                self._skipped[(partition.topic, partition.partition)] += start - position
            self._consumer.seek(partition, start)

    def _owned(self, partitions: Iterable[Any]) -> list[Any]:
        return sorted(set(partitions) & self._consumer.assignment())
