"""Which broker of a cluster plays which part for a stream."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


def leader_of(bootstrap: str, topic: str, partition: int) -> int:
    """The node that leads a partition now."""
    return _answer(
        lambda: AdminClient(_settings(bootstrap)).list_topics(timeout=5).topics[topic].partitions[partition].leader
    )


def group_coordinator(bootstrap: str, group: str) -> int:
    """The node that coordinates a consumer group."""

    def ask() -> int:
        admin = AdminClient(_settings(bootstrap))  # its answers come only as long as it is there
        return int(admin.describe_consumer_groups([group], request_timeout=5)[group].result(10).coordinator.id)

    return _answer(ask)


def transaction_coordinator(bootstrap: str, transactional_id: str) -> int:
    """The node that coordinates a transactional id: who leads its partition of the transactions' topic."""
    topic = "__transaction_state"
    count = len(AdminClient(_settings(bootstrap)).list_topics(timeout=5).topics[topic].partitions)
    return leader_of(bootstrap, topic, (_java_hash(transactional_id) & 0x7FFFFFFF) % count)


def _java_hash(text: str) -> int:
    """`String.hashCode` of Java, which Kafka takes the partition of a transactional id by."""
    number = 0
    for character in text:
        number = (31 * number + ord(character)) & 0xFFFFFFFF
    return number


def _settings(bootstrap: str) -> dict[str, object]:
    return {"bootstrap.servers": bootstrap, "log_level": 0}


def _answer(ask: Callable[[], int], patience: float = 30.0) -> int:
    deadline = time.monotonic() + patience
    while True:
        try:
            node = ask()
            if node >= 0:
                return node
        except KafkaException:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
