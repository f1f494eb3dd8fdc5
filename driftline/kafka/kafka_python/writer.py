"""Sending outputs and committing the offsets they answer, on kafka-python."""

from typing import Any, cast

from kafka.errors import (
    InvalidProducerEpochError,
    InvalidProducerIdMappingError,
    KafkaError,
    ProducerFencedError,
)

from driftline.kafka.interface import Fenced, KafkaFault, Offsets, Outgoing, Reader
from driftline.kafka.kafka_python.connecting import open_producer
from driftline.kafka.kafka_python.reader import LOST_MEMBERSHIP, GroupReader, to_kafka_offsets

# A transaction that its owner abandoned (kill -9, cut network) holds back every read_committed reader until it times
# out, unless the owner comes back under the same name and aborts it. 15 s bounds that wait; the default is 60 s.
TRANSACTION_TIMEOUT_MS = 15_000


def _producer(common: dict[str, Any], **settings: Any) -> Any:
    return open_producer(
        **common,
        metrics_enabled=False,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        # Outputs come in whole batches and are flushed at once: linger only has to outlast the loop that queues them.
        linger_ms=5,
        batch_size=256 * 1024,
        max_request_size=8 * 1024 * 1024,
        delivery_timeout_ms=30_000,
        request_timeout_ms=10_000,
        max_block_ms=30_000,
        **settings,
    )


class PlainWriter:
    """At least once: flush the outputs, then commit the offsets."""

    def __init__(self, common: dict[str, Any]) -> None:
        self._producer = _producer(common)
        self._futures: list[Any] = []

    def send(self, out: Outgoing) -> None:
        self._futures += queue(self._producer, out)

    def commit(self, reader: Reader | None, offsets: Offsets) -> None:
        futures, self._futures = self._futures, []
        try:
            self._producer.flush(timeout=30)
        except KafkaError as error:
            raise KafkaFault(f"outputs could not be written: {error}") from error
        for future in futures:
            if not future.succeeded():
                raise KafkaFault(f"an output could not be written: {future.exception or 'no answer in time'}")
        if reader is not None:
            reader.commit(offsets)

    def abort(self) -> None:
        self._futures = []

    def close(self) -> None:
        self._producer.close(timeout=10)


class TransactionalWriter:
    """Exactly once: outputs and offsets in one Kafka transaction, fenced by the group's metadata (KIP-447)."""

    def __init__(self, common: dict[str, Any], transactional_id: str) -> None:
        self._producer = _producer(
            common, transactional_id=transactional_id, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS
        )
        self._open = False
        try:
            # Aborts what an earlier process of the same name left open, and fences it if it still lives.
            self._producer.init_transactions()
        except KafkaError as error:
            self._producer.close(timeout=0)
            raise KafkaFault(f"transactions of {transactional_id} cannot begin: {error}") from error

    def send(self, out: Outgoing) -> None:
        self._begin()
        queue(self._producer, out)

    def commit(self, reader: Reader | None, offsets: Offsets) -> None:
        if not self._open and not offsets:
            return
        try:
            self._begin()
            if reader is not None and offsets:
                metadata = cast(GroupReader, reader).consumer.group_metadata()
                self._producer.send_offsets_to_transaction(to_kafka_offsets(offsets), metadata)
            self._producer.commit_transaction()
            self._open = False
        except (ProducerFencedError, InvalidProducerEpochError, InvalidProducerIdMappingError) as error:
            # Another process of this name has taken over; nothing here can be aborted any more.
            self._open = False
            raise Fenced(f"this producer was replaced by another of its name: {error}") from error
        except LOST_MEMBERSHIP as error:
            self.abort()
            raise Fenced(f"the group has moved on: {error}") from error
        except KafkaError as error:
            self.abort()
            raise KafkaFault(f"the transaction failed and was aborted: {error}") from error

    def abort(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._producer.abort_transaction()
        except KafkaError as error:
            raise KafkaFault(f"the transaction could not be aborted: {error}") from error

    def close(self) -> None:
        self._producer.close(timeout=10)

    def _begin(self) -> None:
        if not self._open:
            self._producer.begin_transaction()
            self._open = True


def queue(producer: Any, out: Outgoing) -> list[Any]:
    """Hand every record of `out` to the producer; returns its futures."""
    send, topic, partition, headers = producer.send, out.topic, out.partition, list(out.headers)
    try:
        if out.keys is None:
            return [send(topic, value, None, headers, partition) for value in out.values]
        pairs = zip(out.keys, out.values, strict=True)
        return [send(topic, value, key, headers, partition) for key, value in pairs]
    except KafkaError as error:
        raise KafkaFault(f"topic {topic}: a record could not be queued: {error}") from error
