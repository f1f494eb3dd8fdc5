"""When `driftline produce` was last seen alive: by its records, for it has no health address."""

from __future__ import annotations

import threading
import uuid

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

PREFIX = b"device-"
"""How the devices of `driftline produce replay` are called; the loader's are called otherwise."""


class Sightings:
    """Follows the feature topic on a thread of its own; `last` is when the newest replayed record was made (epoch s).

    When it was made and not when it came: records of a producer that is dead already may come late.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.last = float("-inf")
        self._stop = threading.Event()
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"seen-{uuid.uuid4().hex}"})
        self._consumer.assign([TopicPartition(topic, number, OFFSET_END) for number in range(partitions)])
        self._thread = threading.Thread(target=self._run, name="sightings", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, timeout=0.2):
                if message.error() is None and (message.key() or b"").startswith(PREFIX):
                    self.last = message.timestamp()[1] / 1_000
