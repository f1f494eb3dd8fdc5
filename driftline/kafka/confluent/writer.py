"""Sending outputs and committing the offsets they answer, on librdkafka."""

import time
from collections.abc import Callable
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Producer

from driftline.kafka.confluent.errors import FENCED_PRODUCER, detail, group_fault
from driftline.kafka.confluent.reader import GroupReader, to_kafka_offsets
from driftline.kafka.interface import Fenced, KafkaFault, Offsets, Outgoing, Reader, Replaced

# As on kafka-python, and for the same reasons: see `driftline.kafka.kafka_python.writer`.
TRANSACTION_TIMEOUT_MS = 15_000
DELIVERY_TIMEOUT_MS = 12_000
REQUEST_TIMEOUT_MS = 5_000
COMMIT_TIMEOUT = 20.0


def _settings(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return settings | {
        "acks": "all",
        "enable.idempotence": True,
        # Where Java and kafka-python send a key, so that equal keys meet in equal partitions.
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "batch.size": 256 * 1024,
        "message.max.bytes": 8 * 1024 * 1024,
        "queue.buffering.max.messages": 1_000_000,
        "message.timeout.ms": DELIVERY_TIMEOUT_MS,
        "delivery.report.only.error": True,
        **more,
    }


class PlainWriter:
    """At least once: flush the outputs, then commit the offsets."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._failures: list[Any] = []
        self._producer = Producer(_settings(settings, on_delivery=self._note))

    def send(self, out: Outgoing) -> None:
        queue(self._producer, out)

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        left = self._producer.flush(COMMIT_TIMEOUT)
        failures, self._failures = self._failures, []
        if failures:
            raise KafkaFault(f"an output could not be written: {failures[0].str()}")
        if left:
            raise KafkaFault(f"outputs could not be written: {left} have no answer in {COMMIT_TIMEOUT:g} s")
        if reader is not None:
            reader.commit(offsets, remark)

    def abort(self) -> None:
        self._failures = []

    def close(self) -> None:
        self._producer.flush(10.0)

    def _note(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failures.append(error)


class TransactionalWriter:
    """Exactly once: outputs and offsets in one Kafka transaction, fenced by the group's metadata (KIP-447).

    A producer that cannot go on is given up, and the next use makes another under the same name. Making it settles
    what the old one left: the coordinator completes a commit that it had begun and aborts everything else.

    Parameters
    ----------
    aborted_there : whether the coordinator's own record of a transactional id says that its last transaction was
        aborted; asked when this producer was fenced after its time-out, since Kafka answers both cases alike.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        transactional_id: str,
        aborted_there: Callable[[str], bool],
        transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS,
    ) -> None:
        self._settings, self._name, self._aborted_there = settings, transactional_id, aborted_there
        self._timeout_ms = transaction_timeout_ms
        self._open = False
        self._began = 0.0
        self._replaced: Replaced | None = None
        self._producer: Any = self._make()

    def send(self, out: Outgoing) -> None:
        try:
            queue(self._begun(), out)
        except KafkaException as error:
            raise self._meaning(detail(error)) from error

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        if not self._open and not offsets:
            return
        try:
            producer = self._begun()
            if reader is not None and offsets:
                metadata = cast(GroupReader, reader).metadata
                if metadata is None:
                    raise Fenced("offsets refused: this member is in no group")
                producer.send_offsets_to_transaction(to_kafka_offsets(offsets, remark), metadata, COMMIT_TIMEOUT)
            producer.commit_transaction(COMMIT_TIMEOUT)
        except KafkaException as error:
            found = detail(error)
            if found.retriable() and not found.txn_requires_abort():
                # Not aborted: the coordinator may have committed it already. The next producer of this name finds out.
                self._give_up()
                raise KafkaFault(f"the outcome of a commit is unknown: {found.str()}") from error
            meaning = self._meaning(found)
            self._end()
            raise meaning from error
        self._open = False

    def abort(self) -> None:
        self._end()
        if self._producer is None and self._replaced is None:
            # Now and not at the next record: what is committed can be read only once the old transaction is settled.
            self._producer = self._make()

    def close(self) -> None:
        self._end()
        self._give_up()

    def _begun(self) -> Any:
        if self._replaced is not None:
            raise self._replaced
        if self._producer is None:
            self._producer = self._make()
        if not self._open:
            self._producer.begin_transaction()
            self._open, self._began = True, time.monotonic()
        return self._producer

    def _end(self) -> None:
        """Abort what is open; a producer that cannot even do this is given up."""
        if self._producer is not None and self._open:
            try:
                self._producer.abort_transaction(COMMIT_TIMEOUT)
            except KafkaException:
                self._give_up()
        self._open = False

    def _make(self) -> Any:
        producer = Producer(
            _settings(
                self._settings,
                **{
                    "transactional.id": self._name,
                    "transaction.timeout.ms": self._timeout_ms,
                    "message.timeout.ms": min(DELIVERY_TIMEOUT_MS, self._timeout_ms),
                    "socket.timeout.ms": min(REQUEST_TIMEOUT_MS, self._timeout_ms),
                },
            )
        )
        try:
            # Aborts what an earlier process of the same name left open, and fences it if it still lives.
            producer.init_transactions(COMMIT_TIMEOUT)
        except KafkaException as error:
            raise KafkaFault(f"transactions of {self._name} cannot begin: {detail(error).str()}") from error
        return producer

    def _meaning(self, error: KafkaError) -> KafkaFault:
        """What an error means for the owner; leaves this writer usable unless it was replaced."""
        if error.code() in FENCED_PRODUCER or (error.fatal() and "fenced" in error.str().lower()):
            return self._fenced(error)
        if error.fatal():
            self._give_up()
        return group_fault("the transaction failed", error)

    def _fenced(self, error: KafkaError) -> Fenced:
        age = time.monotonic() - self._began
        self._give_up()
        # A transaction younger than its time-out was not aborted for its age.
        if age * 1000 >= self._timeout_ms and self._aborted_there(self._name):
            return Fenced(f"the transaction was open for longer than {self._timeout_ms / 1000:g} s and was aborted")
        self._replaced = Replaced(f"another process has taken the transactional id {self._name}: {error.str()}")
        return self._replaced

    def _give_up(self) -> None:
        producer, self._producer = self._producer, None
        self._open = False
        if producer is not None:
            producer.purge()


def queue(producer: Any, out: Outgoing) -> None:
    """Hand every record of `out` to the producer."""
    topic, headers = out.topic, list(out.headers)
    partition = -1 if out.partition is None else out.partition
    more: dict[str, Any] = {"headers": headers} if headers else {}
    keys = out.keys if out.keys is not None else [None] * len(out.values)
    produce, each = producer.produce, out.each
    for row, (key, value) in enumerate(zip(keys, out.values, strict=True)):
        if each:
            more = {"headers": [*headers, *each.get(row, ())]}
        try:
            produce(topic, value, key, partition, **more)
        except BufferError:
            _wait_for_room(producer, topic, value, key, partition, more)
        except KafkaException as error:
            if detail(error).code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._UNKNOWN_PARTITION):
                raise KafkaFault(f"topic {topic}: a record could not be queued: {detail(error).str()}") from error
            raise
    producer.poll(0)


def _wait_for_room(producer: Any, topic: str, value: Any, key: Any, partition: int, more: dict[str, Any]) -> None:
    deadline = time.monotonic() + COMMIT_TIMEOUT
    while time.monotonic() < deadline:
        producer.poll(0.1)
        try:
            producer.produce(topic, value, key, partition, **more)
            return
        except BufferError:
            continue
    raise KafkaFault(f"topic {topic}: the queue of outputs stayed full for {COMMIT_TIMEOUT:g} s")
