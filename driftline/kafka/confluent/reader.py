"""A member of a consumer group, on librdkafka."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaTopicPartition

from driftline.kafka.confluent.batches import to_batches
from driftline.kafka.confluent.errors import detail, group_fault
from driftline.kafka.confluent.positions import BEGINNING, Positions
from driftline.kafka.interface import Batch, Fenced, KafkaFault, Offsets, Rebalance, Replaced, TopicPartition

# Longest wait for an answer about offsets, as on kafka-python.
OFFSETS_TIMEOUT = 30.0


class GroupReader:
    """`driftline.kafka.interface.Reader` on librdkafka.

    Partitions are shared by its own cooperative-sticky assignor. It calls back inside `consume`, so what the owner is
    told and what it holds never differ; a member answers a revocation before it joins again, so the metadata taken
    after a `consume` never runs ahead of what the owner knows.

    Parameters
    ----------
    settings : librdkafka's configuration.
    leave : called with the member id when a static member closes; librdkafka itself would leave it in its group.
    """

    def __init__(
        self, settings: dict[str, Any], topics: Sequence[str], rebalance: Rebalance, leave: Callable[[str], None] | None
    ) -> None:
        self._rebalance, self._leave = rebalance, leave
        self._owned: frozenset[TopicPartition] = frozenset()
        self._starting: frozenset[TopicPartition] = frozenset()
        self._replaced: Replaced | None = None
        self._headers = False
        self.metadata: Any = None
        self.consumer = Consumer(settings | {"error_cb": self._note})
        self._positions = Positions(self.consumer, OFFSETS_TIMEOUT)
        self.consumer.subscribe(list(topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        try:
            # `consume` waits until it has all it was asked for: so one record first, then what is there.
            messages = self.consumer.consume(1, max(timeout, 0.0))
            if messages and max_records > 1:
                messages += self.consumer.consume(max_records - 1, 0.0)
        except KafkaException as error:
            raise group_fault("poll failed", detail(error)) from error
        self._refuse_replaced()
        if self.consumer.memberid():
            # Without an id, librdkafka's metadata is empty, and a commit with it would pass every fence.
            self.metadata = self.consumer.consumer_group_metadata()
        if any(map(Message.error, messages)):
            messages = self._without_errors(messages)
        batches = [
            batch for batch in to_batches(messages, self._headers) if (batch.topic, batch.partition) in self._owned
        ]
        if self._starting:
            self._start()
        self._positions.read(batches)
        return batches

    def keep_headers(self) -> None:
        self._headers = True

    def assignment(self) -> frozenset[TopicPartition]:
        return self._owned

    def pause(self, partitions: Sequence[TopicPartition] | None = None) -> None:
        self.consumer.pause(self._own(partitions))

    def resume(self, partitions: Sequence[TopicPartition] | None = None) -> None:
        self.consumer.resume(self._own(partitions))

    def seek(self, offsets: Offsets) -> None:
        for partition, offset in offsets.items():
            self._positions.seek(partition, offset)

    def rewind(self) -> None:
        found = self._fetch_committed("rewind failed")
        try:
            for partition in self._owned:
                self._positions.seek(partition, found[partition].offset if partition in found else BEGINNING)
            self._positions.start(found)
        except KafkaException as error:
            raise KafkaFault(f"rewind failed: {detail(error).str()}") from error

    def commit(self, offsets: Offsets, remark: str = "") -> None:
        if not offsets:
            return
        if not self._owned.issuperset(offsets):
            raise Fenced("offsets refused: the group has moved on since these records were read")
        try:
            results = self.consumer.commit(offsets=to_kafka_offsets(offsets, remark), asynchronous=False)
        except KafkaException as error:
            raise group_fault("offsets cannot be committed", detail(error)) from error
        for result in results or ():
            if result.error is not None:
                raise group_fault("offsets cannot be committed", result.error)

    def committed(self) -> dict[TopicPartition, int]:
        found = self._fetch_committed("committed offsets cannot be read")
        return {partition: offset.offset for partition, offset in found.items()}

    def remarks(self) -> dict[TopicPartition, str]:
        found = self._fetch_committed("remarks of committed offsets cannot be read")
        return {partition: offset.metadata for partition, offset in found.items() if offset.metadata}

    def skipped(self) -> dict[TopicPartition, int]:
        return self._positions.take_skipped()

    def lag(self) -> dict[TopicPartition, int]:
        lags = {}
        for partition, position in self._positions.next.items():
            _, end = self.consumer.get_watermark_offsets(KafkaTopicPartition(*partition), cached=True)
            if end >= 0:
                lags[partition] = max(end - position, 0)
        return lags

    def close(self) -> None:
        member = self.consumer.memberid()
        self.consumer.close()
        if self._leave is not None and member and self._replaced is None:
            self._leave(member)

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        new = frozenset((p.topic, p.partition) for p in partitions)
        self._owned |= new
        self._positions.drop(new)
        self._starting |= new
        if new:
            self._rebalance.assigned(new)

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        gone = frozenset((p.topic, p.partition) for p in partitions)
        self._owned -= gone
        self._starting -= gone
        self._positions.drop(gone)
        if gone:
            self._rebalance.revoked(gone)

    def _note(self, error: KafkaError) -> None:
        if error.code() == KafkaError.FENCED_INSTANCE_ID or "group.instance.id" in error.str():
            self._replaced = Replaced(f"another process has joined the group under this name: {error.str()}")

    def _refuse_replaced(self) -> None:
        if self._replaced is not None:
            raise self._replaced

    def _start(self) -> None:
        """Know where partitions that just came begin, before their first record counts."""
        found = self._fetch_committed("no position to read from")
        new, self._starting = self._starting, frozenset()
        try:
            self._positions.start({partition: offset for partition, offset in found.items() if partition in new})
        except KafkaException as error:
            raise KafkaFault(f"no position to read from: {detail(error).str()}") from error

    def _without_errors(self, messages: list[Any]) -> list[Any]:
        records = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(message)
            elif error.fatal() or error.code() == KafkaError._FATAL:
                self._note(error)
                self._refuse_replaced()
                raise KafkaFault(f"poll failed: {error.str()}")
            # Everything else is news of a connection that librdkafka mends by itself.
        return records

    def _fetch_committed(self, failure: str) -> dict[TopicPartition, Any]:
        """With `require_stable`, as the consumer reads committed records only: waits for an undecided transaction."""
        deadline = time.monotonic() + OFFSETS_TIMEOUT
        while True:
            try:
                found = self.consumer.committed(self._own(None), timeout=max(deadline - time.monotonic(), 0.1))
            except KafkaException as error:
                if detail(error).code() == KafkaError.UNSTABLE_OFFSET_COMMIT and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                raise KafkaFault(f"{failure}: {detail(error).str()}") from error
            for offset in found:
                if offset.error is not None:
                    raise KafkaFault(f"{failure}: {offset.error.str()}")
            return {(offset.topic, offset.partition): offset for offset in found if offset.offset >= 0}

    def _own(self, partitions: Sequence[TopicPartition] | None) -> list[Any]:
        chosen = self._owned if partitions is None else self._owned & frozenset(partitions)
        return [KafkaTopicPartition(topic, number) for topic, number in chosen]


def to_kafka_offsets(offsets: Offsets, remark: str) -> list[Any]:
    """Next offsets in librdkafka's own type."""
    return [KafkaTopicPartition(t, p, offset, metadata=remark) for (t, p), offset in offsets.items()]
