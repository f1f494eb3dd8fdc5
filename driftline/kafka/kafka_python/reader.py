"""A member of a consumer group, on kafka-python."""

from collections.abc import Sequence
from typing import Any

from kafka import TopicPartition as KafkaTopicPartition
from kafka.errors import (
    CommitFailedError,
    FencedInstanceIdError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata

from driftline.kafka.interface import Batch, Fenced, KafkaFault, Offsets, Rebalance, Replaced, TopicPartition
from driftline.kafka.kafka_python import internals
from driftline.kafka.kafka_python.batches import to_batches
from driftline.kafka.kafka_python.connecting import open_consumer
from driftline.kafka.kafka_python.membership import Listener, Membership
from driftline.kafka.kafka_python.positions import NO_POSITION, Positions
from driftline.spec.sections import KafkaSpec

# Errors of a commit that say "the group has moved on without you".
LOST_MEMBERSHIP = (
    CommitFailedError,
    IllegalGenerationError,
    UnknownMemberIdError,
    RebalanceInProgressError,
    FencedInstanceIdError,
)

# Longest wait for an answer about offsets. A transaction that its dead owner left open withholds its offsets until the
# coordinator aborts it (`writer.TRANSACTION_TIMEOUT_MS`, looked at every 10 s).
OFFSETS_TIMEOUT_MS = 30_000


class GroupReader:
    """`driftline.kafka.interface.Reader` on kafka-python.

    Parameters
    ----------
    assignor : how the group's members share the partitions, an instance of kafka-python's kind.
    static : name of this member that outlives the process (group.instance.id), or None. A process that was killed and
        comes back under its name within the session time-out has its partitions at once, and nobody else is disturbed.
    """

    def __init__(
        self,
        common: dict[str, Any],
        spec: KafkaSpec,
        group: str,
        topics: Sequence[str],
        rebalance: Rebalance,
        assignor: Any,
        static: str | None,
    ) -> None:
        listener = Listener(assignor)
        self.consumer = open_consumer(
            **common,
            metrics_enabled=False,  # our own metrics say what the client's would, at no cost per record
            group_id=group,
            group_instance_id=static,
            enable_auto_commit=False,
            auto_offset_reset="none",  # `Positions` decides
            # Inputs may be outputs of another transaction (predictions are): what was aborted is never read.
            isolation_level="read_committed",
            session_timeout_ms=spec.session_timeout_ms,
            heartbeat_interval_ms=heartbeat_interval_ms(spec),
            partition_assignment_strategy=(assignor,),
            max_partition_fetch_bytes=4 * 1024 * 1024,
            # How long a broker holds a fetch that finds nothing; it bounds how late a stop or a swap is noticed.
            fetch_max_wait_ms=100,
            allow_auto_create_topics=False,
        )
        self.membership = Membership(self.consumer, listener, rebalance)
        self._positions = Positions(self.consumer, OFFSETS_TIMEOUT_MS)
        self._replaced: Exception | None = None
        self._headers = False
        internals.keep_joins(self.consumer)
        if static is not None:
            internals.on_replaced(self.consumer, self._note_replaced)
        self.consumer.subscribe(list(topics), listener=listener)

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        if self._replaced is not None:
            raise Replaced(f"another process has joined the group under this name: {self._replaced}")
        polled: dict[Any, list[Any]] = {}
        try:
            polled = self.consumer.poll(timeout_ms=max(int(timeout * 1000), 0), max_records=max_records)
        except NO_POSITION as error:
            self._settle(error)
        except FencedInstanceIdError as error:
            raise Replaced(f"another process has joined the group under this name: {error}") from error
        except KafkaError as error:
            raise KafkaFault(f"poll failed: {error}") from error
        self.membership.settle()
        return to_batches(polled, self._headers)

    def keep_headers(self) -> None:
        self._headers = True

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
        found = self._fetch_committed("rewind failed")
        for partition in self.consumer.assignment():
            if partition in found:
                self.consumer.seek(partition, found[partition].offset)
            else:
                self.consumer.seek_to_beginning(partition)

    def commit(self, offsets: Offsets, remark: str = "") -> None:
        if not offsets:
            return
        if not self.membership.current:
            raise Fenced("offsets refused: the group has moved on since these records were read")
        try:
            self.consumer.commit(to_kafka_offsets(offsets, remark), timeout_ms=OFFSETS_TIMEOUT_MS)
        except LOST_MEMBERSHIP as error:
            raise lost_membership(error) from error
        except KafkaError as error:
            raise KafkaFault(f"offsets cannot be committed: {error}") from error

    def committed(self) -> dict[TopicPartition, int]:
        found = self._fetch_committed("committed offsets cannot be read")
        return {(p.topic, p.partition): offset.offset for p, offset in found.items()}

    def remarks(self) -> dict[TopicPartition, str]:
        found = self._fetch_committed("remarks of committed offsets cannot be read")
        return {(p.topic, p.partition): offset.metadata for p, offset in found.items() if offset.metadata}

    def skipped(self) -> dict[TopicPartition, int]:
        return self._positions.take_skipped()

    def lag(self) -> dict[TopicPartition, int]:
        lags = {}
        for partition in self.consumer.assignment():
            end, position = self.consumer.highwater(partition), internals.position(self.consumer, partition)
            if end is not None and position is not None:
                lags[(partition.topic, partition.partition)] = max(end - position, 0)
        return lags

    def close(self) -> None:
        if self._replaced is None:
            internals.leave_on_close(self.consumer)
        self.consumer.close(autocommit=False, timeout_ms=5_000)

    def _settle(self, error: Exception) -> None:
        try:
            self._positions.settle(error)
        except KafkaError as second:
            raise KafkaFault(f"no position to read from: {second}") from second

    def _fetch_committed(self, failure: str) -> dict[Any, Any]:
        try:
            return internals.fetch_committed(self.consumer, self.consumer.assignment(), OFFSETS_TIMEOUT_MS)
        except KafkaError as error:
            raise KafkaFault(f"{failure}: {error}") from error

    def _note_replaced(self, error: Exception) -> None:
        self._replaced = error

    def _own(self, partitions: Sequence[TopicPartition] | None) -> list[KafkaTopicPartition]:
        owned = self.consumer.assignment()
        if partitions is None:
            return list(owned)
        return [p for p in (KafkaTopicPartition(*pair) for pair in partitions) if p in owned]


def heartbeat_interval_ms(spec: KafkaSpec) -> int:
    """How often a member asks: a fifth of the session time-out, and at most a second, since it is by the answer that a
    member hears of another's coming and going."""
    return min(max(spec.session_timeout_ms // 5, 300), 1_000)


def lost_membership(error: Exception) -> Fenced:
    """What a refused commit means: the group has moved on, or another process took this member's name."""
    if isinstance(error, FencedInstanceIdError):
        return Replaced(f"another process has joined the group under this name: {error}")
    return Fenced(f"the group has moved on: {error}")


def to_kafka_offsets(offsets: Offsets, remark: str) -> dict[KafkaTopicPartition, OffsetAndMetadata]:
    """Next offsets in kafka-python's own types."""
    return {KafkaTopicPartition(t, p): OffsetAndMetadata(offset, remark, -1) for (t, p), offset in offsets.items()}
