"""A member of a consumer group, on kafka-python."""

from collections.abc import Sequence
from typing import Any

from kafka import ConsumerRebalanceListener
from kafka import TopicPartition as KafkaTopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from driftline.kafka.interface import Batch, Fenced, KafkaFault, Offsets, Rebalance, TopicPartition
from driftline.kafka.kafka_python.batches import to_batches
from driftline.kafka.kafka_python.connecting import open_consumer
from driftline.kafka.kafka_python.exclusive import ExclusiveAssignor
from driftline.spec.sections import KafkaSpec

# Errors of a commit that say "the group has moved on without you".
LOST_MEMBERSHIP = (
    CommitFailedError,
    IllegalGenerationError,
    UnknownMemberIdError,
    RebalanceInProgressError,
    FencedInstanceIdError,
)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes that partitions moved, and no more: it runs on the client's own thread. See `GroupReader.poll`."""

    def __init__(self) -> None:
        self.moved = False
        self.lost: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.moved = True

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.moved = True

    def on_partitions_lost(self, lost: Any) -> None:
        # The group worked on without this member: even a partition that comes straight back was another's meanwhile.
        self.moved = True
        self.lost |= {(p.topic, p.partition) for p in lost}


class GroupReader:
    """`driftline.kafka.interface.Reader` on kafka-python."""

    def __init__(
        self,
        common: dict[str, Any],
        spec: KafkaSpec,
        group: str,
        topics: Sequence[str],
        rebalance: Rebalance,
        exclusive: bool,
    ) -> None:
        self._rebalance = rebalance
        self._listener = _Listener()
        self._owned: frozenset[TopicPartition] = frozenset()
        self.consumer = open_consumer(
            **common,
            metrics_enabled=False,  # our own metrics say what the client's would, at no cost per record
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Inputs may be outputs of another transaction (predictions are): what was aborted is never read.
            isolation_level="read_committed",
            session_timeout_ms=spec.session_timeout_ms,
            heartbeat_interval_ms=max(spec.session_timeout_ms // 5, 300),
            # Range, because it gives partition p of every co-partitioned topic to the same member.
            partition_assignment_strategy=(ExclusiveAssignor if exclusive else RangePartitionAssignor,),
            max_partition_fetch_bytes=4 * 1024 * 1024,
            # How long a broker holds a fetch that finds nothing; it bounds how late a stop or a swap is noticed.
            fetch_max_wait_ms=100,
            allow_auto_create_topics=False,
        )
        self.consumer.subscribe(list(topics), listener=self._listener)

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        try:
            polled = self.consumer.poll(timeout_ms=max(int(timeout * 1000), 0), max_records=max_records)
        except KafkaError as error:
            raise KafkaFault(f"poll failed: {error}") from error
        if self._listener.moved:
            self._tell_moves()
        return to_batches(polled)

    def _tell_moves(self) -> None:
        """Tell the owner what really changed: a rebalance that gives back the same partitions loses no state."""
        self._listener.moved = False
        now = self.assignment()
        lost, self._listener.lost = self._listener.lost, set()
        gone = (self._owned - now) | (self._owned & lost)
        new = (now - self._owned) | (now & lost)
        self._owned = now
        if gone:
            self._rebalance.revoked(frozenset(gone))
        if new:
            self._rebalance.assigned(frozenset(new))

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset((p.topic, p.partition) for p in self.consumer.assignment())

    def pause(self, partitions: Sequence[TopicPartition] | None = None) -> None:
        self.consumer.pause(*self._own(partitions))

    def resume(self, partitions: Sequence[TopicPartition] | None = None) -> None:
        self.consumer.resume(*self._own(partitions))

    def seek(self, offsets: Offsets) -> None:
        for (topic, partition), offset in offsets.items():
            self.consumer.seek(KafkaTopicPartition(topic, partition), offset)

    def rewind(self) -> None:
        try:
            for partition in self.consumer.assignment():
                offset = self.consumer.committed(partition)
                if offset is None:
                    self.consumer.seek_to_beginning(partition)
                else:
                    self.consumer.seek(partition, offset)
        except KafkaError as error:
            raise KafkaFault(f"rewind failed: {error}") from error

    def commit(self, offsets: Offsets) -> None:
        if not offsets:
            return
        try:
            self.consumer.commit(to_kafka_offsets(offsets))
        except LOST_MEMBERSHIP as error:
            raise Fenced(f"offsets refused: {error}") from error
        except KafkaError as error:
            raise KafkaFault(f"offsets cannot be committed: {error}") from error

    def committed(self) -> dict[TopicPartition, int]:
        try:
            found = {p: self.consumer.committed(p) for p in self.consumer.assignment()}
        except KafkaError as error:
            raise KafkaFault(f"committed offsets cannot be read: {error}") from error
        return {(p.topic, p.partition): offset for p, offset in found.items() if offset is not None}

    def lag(self) -> dict[TopicPartition, int]:
        lags = {}
        for partition in self.consumer.assignment():
            end = self.consumer.highwater(partition)
            if end is not None:
                # The position is local once the partition has been fetched from, which a known end implies.
                lags[(partition.topic, partition.partition)] = max(end - self.consumer.position(partition), 0)
        return lags

    def close(self) -> None:
        self.consumer.close(autocommit=False, timeout_ms=5_000)

    def _own(self, partitions: Sequence[TopicPartition] | None) -> list[KafkaTopicPartition]:
        owned = self.consumer.assignment()
        if partitions is None:
            return list(owned)
        return [p for p in (KafkaTopicPartition(*pair) for pair in partitions) if p in owned]


def to_kafka_offsets(offsets: Offsets) -> dict[KafkaTopicPartition, OffsetAndMetadata]:
    """Next offsets in kafka-python's own types."""
    return {KafkaTopicPartition(t, p): OffsetAndMetadata(offset, "", -1) for (t, p), offset in offsets.items()}
