"""Sending outputs and committing the offsets they answer, on kafka-python."""

from typing import Any, cast

from kafka.errors import InvalidProducerEpochError, KafkaError, KafkaTimeoutError, ProducerFencedError, UnknownError

from driftline.kafka.connect import NoCluster
from driftline.kafka.interface import Fenced, KafkaFault, Offsets, Outgoing, Reader, Replaced
from driftline.kafka.kafka_python import internals
from driftline.kafka.kafka_python.connecting import open_producer
from driftline.kafka.kafka_python.fencing import taken_over
from driftline.kafka.kafka_python.reader import LOST_MEMBERSHIP, GroupReader, lost_membership, to_kafka_offsets

# A transaction that its owner abandoned (kill -9, cut network) holds back every read_committed reader until it times
# out, unless the owner comes back under the same name and aborts it. 15 s bounds that wait; the default is 60 s.
TRANSACTION_TIMEOUT_MS = 15_000
# An output that cannot be delivered fails its transaction while the coordinator still has it.
DELIVERY_TIMEOUT_MS = 12_000
REQUEST_TIMEOUT_MS = 5_000
# Longest wait for the coordinator in one call; longer than a delivery, so that its error is seen and not this one.
COMMIT_TIMEOUT_MS = 20_000

FENCED = (ProducerFencedError, InvalidProducerEpochError)


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
        delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_block_ms=COMMIT_TIMEOUT_MS,
        **settings,
    )


class PlainWriter:
    """At least once: flush the outputs, then commit the offsets."""

    def __init__(self, common: dict[str, Any]) -> None:
        self._producer = _producer(common)
        self._futures: list[Any] = []

    def send(self, out: Outgoing) -> None:
        self._futures += queue(self._producer, out)

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        futures, self._futures = self._futures, []
        try:
            self._producer.flush(timeout=COMMIT_TIMEOUT_MS / 1000)
        except KafkaError as error:
            raise KafkaFault(f"outputs could not be written: {error}") from error
        for future in futures:
            if not future.succeeded():
                raise KafkaFault(f"an output could not be written: {future.exception or 'no answer in time'}")
        if reader is not None:
            reader.commit(offsets, remark)

    def abort(self) -> None:
        self._futures = []

    def close(self) -> None:
        _close(self._producer, 10)


class TransactionalWriter:
    """Exactly once: outputs and offsets in one Kafka transaction, fenced by the group's metadata (KIP-447).

    A producer that cannot go on is given up, and the next use makes another under the same name. Making it settles
    what the old one left: the coordinator completes a commit that it had begun and aborts everything else.
    """

    def __init__(
        self, common: dict[str, Any], transactional_id: str, transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS
    ) -> None:
        self._common, self._name, self._timeout_ms = common, transactional_id, transaction_timeout_ms
        self._open = False
        self._futures: list[Any] = []
        self._replaced: Replaced | None = None
        self._producer: Any = self._make()

    def send(self, out: Outgoing) -> None:
        try:
            self._futures += queue(self._begun(), out)
        except KafkaFault as error:
            raise self._meaning(error) from error

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        if not self._open and not offsets:
            return
        try:
            producer = self._begun()
            self._await_written(producer)
            if reader is not None and offsets:
                membership = cast(GroupReader, reader).membership.metadata
                internals.send_offsets(producer, to_kafka_offsets(offsets, remark), membership, COMMIT_TIMEOUT_MS)
            internals.commit_transaction(producer, COMMIT_TIMEOUT_MS)
        except KafkaTimeoutError as error:
            # Not aborted: the coordinator may have committed it already. The next producer of this name finds out.
            self._give_up()
            raise KafkaFault(f"the outcome of a commit is unknown: {error}") from error
        except KafkaError as error:
            meaning = self._meaning(error)
            self._end()
            raise meaning from error
        self._open, self._futures = False, []

    def abort(self) -> None:
        self._end()
        if self._producer is None and self._replaced is None:
            # Now and not at the next record: what is committed can be read only once the old transaction is settled.
            self._producer = self._make_again()

    def close(self) -> None:
        self._end()
        if self._producer is not None:
            _close(self._producer, 10)

    def _begun(self) -> Any:
        if self._replaced is not None:
            raise self._replaced
        if self._producer is None:
            self._producer = self._make_again()
        if not self._open:
            self._producer.begin_transaction()
            self._open = True
        return self._producer

    def _end(self) -> None:
        """Abort what is open; a producer that cannot even do this is given up."""
        if self._producer is not None and self._open:
            try:
                internals.abort_transaction(self._producer, COMMIT_TIMEOUT_MS)
            except KafkaError:
                self._give_up()
        self._open, self._futures = False, []

    def _make_again(self) -> Any:
        try:
            return self._make()
        except NoCluster as error:
            raise KafkaFault(str(error)) from error

    def _make(self) -> Any:
        producer = _producer(self._common, transactional_id=self._name, transaction_timeout_ms=self._timeout_ms)
        internals.keep_requests(producer)
        try:
            # Aborts what an earlier process of the same name left open, and fences it if it still lives.
            producer.init_transactions()
        except KafkaError as error:
            _close(producer, 0)
            raise KafkaFault(f"transactions of {self._name} cannot begin: {error}") from error
        return producer

    def _await_written(self, producer: Any) -> None:
        """Until every output is on its broker. The library would commit a transaction without those that expired."""
        try:
            producer.flush(timeout=COMMIT_TIMEOUT_MS / 1000)
        except KafkaTimeoutError as error:
            raise KafkaError(f"outputs were not written in time: {error}") from error
        for future in self._futures:
            if not future.succeeded():
                raise KafkaError(f"an output could not be written: {future.exception or 'no answer in time'}")

    def _meaning(self, error: Exception) -> KafkaFault:
        """What an error means for the owner; leaves this writer usable unless it was replaced."""
        cause = internals.last_error(self._producer) if self._producer is not None else None
        for candidate in (error, cause):
            if isinstance(candidate, FENCED):
                return self._fenced(candidate)
            if isinstance(candidate, LOST_MEMBERSHIP):
                return lost_membership(candidate)
        if isinstance(error, KafkaFault):
            return error
        if isinstance(cause or error, UnknownError):
            # What a coordinator answers that is being asked for this name by two at once.
            return self._fenced(cause or error, settled=False)
        return KafkaFault(f"the transaction failed: {cause or error}")

    def _fenced(self, error: BaseException, *, settled: bool = True) -> KafkaFault:
        """`settled`: that it was fenced is sure, and only the reason is not."""
        producer_id, epoch, open_there = internals.producer_identity(self._producer)
        self._give_up()
        taken = taken_over(self._common, self._name, producer_id, epoch) if open_there else settled
        if not taken and not settled:
            return KafkaFault(f"the transaction failed: {error}")
        if not taken:
            return Fenced(f"the transaction was open for longer than {self._timeout_ms / 1000:g} s and was aborted")
        self._replaced = Replaced(f"another process has taken the transactional id {self._name}: {error}")
        return self._replaced

    def _give_up(self) -> None:
        producer, self._producer = self._producer, None
        self._open, self._futures = False, []
        _close(producer, 0)


def queue(producer: Any, out: Outgoing) -> list[Any]:
    """Hand every record of `out` to the producer; returns its futures."""
    send, topic, partition, headers = producer.send, out.topic, out.partition, list(out.headers)
    try:
        if out.keys is None:
            return [send(topic, value, None, headers, partition) for value in out.values]
        pairs = zip(out.keys, out.values, strict=True)
        if out.each:
            return [
                send(topic, value, key, [*headers, *out.each.get(row, ())], partition)
                for row, (key, value) in enumerate(pairs)
            ]
        return [send(topic, value, key, headers, partition) for key, value in pairs]
    except (KafkaError, AssertionError) as error:  # an assertion: the topic has no such partition
        raise KafkaFault(f"topic {topic}: a record could not be queued: {error}") from error


def _close(producer: Any, timeout: float) -> None:
    try:
        producer.close(timeout=timeout)
    except KafkaError:
        # What is left in its queues belongs to a transaction that is aborted, or was reported as not written.
        producer._sender.force_close()
