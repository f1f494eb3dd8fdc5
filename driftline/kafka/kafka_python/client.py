"""Makes readers and writers of kafka-python for one cluster."""

import logging
from collections.abc import Sequence
from typing import Any

from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from driftline.kafka.connect import Endpoint
from driftline.kafka.interface import NO_REBALANCE, KafkaFault, Offsets, Reader, Rebalance, Tail, TopicRequest, Writer
from driftline.kafka.kafka_python.connecting import open_admin
from driftline.kafka.kafka_python.reader import GroupReader
from driftline.kafka.kafka_python.tail import TopicTail
from driftline.kafka.kafka_python.writer import PlainWriter, TransactionalWriter

# kafka-python logs every reconnect attempt and rebalance step as a warning or above; what matters of them reaches
# people as KafkaFault, a metric or our own log line.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


class KafkaPythonClient:
    """`driftline.kafka.interface.Client` on kafka-python."""

    name = "kafka-python"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        spec = endpoint.spec
        self._common: dict[str, Any] = {
            "bootstrap_servers": endpoint.bootstrap.split(","),
            "client_id": endpoint.instance,
            "security_protocol": spec.security_protocol,
            # A broker that restarts is back in a second or two; the default back-off of up to 30 s would make every
            # restart cost half a minute of stream.
            "reconnect_backoff_max_ms": 1_000,
        }
        if spec.sasl_mechanism:
            self._common |= {
                "sasl_mechanism": spec.sasl_mechanism,
                "sasl_plain_username": spec.sasl_username,
                "sasl_plain_password": spec.sasl_password.get_secret_value() if spec.sasl_password else None,
            }
        for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
            if value := getattr(spec, name):
                self._common[name] = value

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> Reader:
        return GroupReader(self._common, self._endpoint.spec, group, topics, rebalance, exclusive)

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
        return TopicTail(self._common, topics, start, from_end, committed_only)

    def ensure_topics(self, plans: Sequence[TopicRequest]) -> list[str]:
        admin = self._admin()
        try:
            wanted = {plan.name: plan for plan in plans}
            there = {
                topic["name"]: len(topic["partitions"])
                for topic in admin.describe_topics()
                if topic["name"] in wanted and not topic["error_code"]
            }
            for name, partitions in there.items():
                if partitions != wanted[name].partitions:
                    raise KafkaFault(
                        f"topic {name} has {partitions} partitions, and kafka.partitions in the specification says "
                        f"{wanted[name].partitions}; features, predictions and labels must have the same number"
                    )
            missing = [plan for plan in plans if plan.name not in there]
            if missing:
                self._create(admin, missing)
            return [plan.name for plan in missing]
        except KafkaError as error:
            raise KafkaFault(f"topics cannot be created at {self._endpoint.bootstrap}: {error}") from error
        finally:
            admin.close()

    def close(self) -> None:
        """Nothing is held between calls."""

    def _admin(self) -> Any:
        return open_admin(**self._common)

    @staticmethod
    def _create(admin: Any, plans: Sequence[TopicRequest]) -> None:
        topics = [
            NewTopic(plan.name, plan.partitions, plan.replication, topic_configs=dict(plan.config)) for plan in plans
        ]
        try:
            admin.create_topics(topics)
        except TopicAlreadyExistsError:
            # Two services start at once: one of them was first, and the other ones may still be missing.
            for topic in topics:
                try:
                    admin.create_topics([topic])
                except TopicAlreadyExistsError:
                    continue
        admin.wait_for_topics([plan.name for plan in plans])
