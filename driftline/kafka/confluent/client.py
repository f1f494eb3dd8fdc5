"""Makes readers and writers of librdkafka for one cluster."""

from collections.abc import Sequence
from typing import Any

from driftline.kafka.confluent.reader import GroupReader
from driftline.kafka.confluent.writer import PlainWriter, TransactionalWriter
from driftline.kafka.connect import Endpoint
from driftline.kafka.interface import NO_REBALANCE, KafkaFault, Offsets, Reader, Rebalance, Tail, TopicRequest, Writer
from driftline.kafka.kafka_python.client import KafkaPythonClient
from driftline.kafka.security import librdkafka_security


class ConfluentClient:
    """`driftline.kafka.interface.Client` on confluent-kafka.

    Reading as a member of a group and writing are librdkafka's. What is done seldom, topics and whole-topic reads, is
    left to kafka-python, which is always installed. So are exclusive groups: librdkafka takes no assignor of ours, and
    since offsets are committed with the group's metadata, reader and writer of a service must be of one library.
    `connect(endpoint, exclusive=True)` gives such a service a client that is kafka-python's altogether.
    """

    name = "confluent-kafka"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._other = KafkaPythonClient(endpoint)
        self._settings: dict[str, Any] = {
            "bootstrap.servers": endpoint.bootstrap,
            "client.id": endpoint.instance,
            "socket.timeout.ms": 10_000,
            # As on kafka-python: a restarted broker is back in seconds, and must not be found half a minute later.
            "reconnect.backoff.max.ms": 1_000,
            # The library's own lines on stderr say what reaches people as KafkaFault, a metric or our own log line.
            "log_level": 0,
        } | librdkafka_security(endpoint.spec)

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> Reader:
        if exclusive:
            raise KafkaFault("confluent-kafka cannot serve an exclusive group; connect with exclusive=True")
        self._other.check_rights(topics)
        session = self._endpoint.spec.session_timeout_ms
        static = None if self._other.speaks_with_embedded() else self._endpoint.static_member
        settings = self._settings | {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",  # `Positions` counts what that passes over
            "isolation.level": "read_committed",
            "session.timeout.ms": session,
            "heartbeat.interval.ms": min(max(session // 5, 300), 1_000),
            "partition.assignment.strategy": "range" if self._other.speaks_with_embedded() else "cooperative-sticky",
            "fetch.wait.max.ms": 100,
            "max.partition.fetch.bytes": 4 * 1024 * 1024,
            # What is read ahead is read again after every pause and rewind.
            "queued.max.messages.kbytes": 16 * 1024,
            "allow.auto.create.topics": False,
        }
        if static is None:
            return GroupReader(settings, topics, rebalance, None)
        leave = lambda member: self._other.remove_member(group, member, static)  # noqa: E731
        return GroupReader(settings | {"group.instance.id": static}, topics, rebalance, leave)

    def writer(self, transactional_id: str | None = None) -> Writer:
        if transactional_id is None:
            return PlainWriter(self._settings)
        return TransactionalWriter(self._settings, transactional_id, self._other.last_transaction_aborted)

    def tail(
        self,
        topics: Sequence[str],
        *,
        start: Offsets | None = None,
        from_end: bool = False,
        committed_only: bool = True,
    ) -> Tail:
        return self._other.tail(topics, start=start, from_end=from_end, committed_only=committed_only)

    def ensure_topics(self, plans: Sequence[TopicRequest]) -> list[str]:
        return self._other.ensure_topics(plans)

    def close(self) -> None:
        self._other.close()
