"""Follows what is answered, as a committed reader sees it, on a way of its own."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec


class Answered:
    """Knows up to which offset each partition of the feature topic has been answered.

    Predictions and dead letters of a round are committed together and each partition is worked off in order, so the
    highest source offset that can be read says it. (Whether nothing is missing below is for the checker to say.)
    """

    def __init__(self, bootstrap: str, stream: str, partitions: int) -> None:
        self._bootstrap, self._stream, self._partitions = bootstrap, stream, partitions
        self.up_to = dict.fromkeys(range(partitions), 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="answered", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(20)

    def ends(self) -> dict[int, int]:
        """The ends of the feature topic now."""
        return ends(self._bootstrap, f"{self._stream}.features", self._partitions)

    def reached(self, ends: dict[int, int]) -> bool:
        """Whether everything before these offsets is answered."""
        return all(self.up_to[partition] >= end for partition, end in ends.items())

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "follower",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 500,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        topics = [f"{self._stream}.{name}" for name in ("predictions", "dead-letters")]
        consumer.assign([TopicPartition(topic, p, 0) for topic in topics for p in range(self._partitions)])
        while not self._stop.is_set():
            for message in consumer.consume(2_000, timeout=0.05):
                if message.error() is None:
                    self._note(json.loads(message.value() or b"{}"))
        consumer.close()

    def _note(self, answer: dict[str, Any]) -> None:
        partition, offset = answer["source_partition"], answer["source_offset"]
        self.up_to[partition] = max(self.up_to[partition], offset + 1)


def ends(bootstrap: str, topic: str, partitions: int, patience: float = 30.0) -> dict[int, int]:
    """End offsets of a topic, asked again while the brokers are still settling who leads."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    wanted = {TopicPartition(topic, p): OffsetSpec.latest() for p in range(partitions)}
    deadline = time.monotonic() + patience
    while True:
        try:
            asked = admin.list_offsets(wanted, request_timeout=5)
            return {place.partition: future.result().offset for place, future in asked.items()}
        except KafkaException:
            if time.monotonic() > deadline:
                raise
