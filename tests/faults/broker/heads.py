"""The monitor's newest checkpoint, as anybody can read it."""

from __future__ import annotations

import json
from typing import Any

from confluent_kafka import Consumer, TopicPartition


def last_head(bootstrap: str, stream: str) -> dict[str, Any] | None:
    """The last record `head` on NAME.monitor-state, or None."""
    topic = f"{stream}.monitor-state"
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "heads",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = None
    try:
        while True:
            for message in consumer.consume(500, timeout=1.0):
                if message.error() is not None:
                    return found
                if message.key() == b"head" and message.value():
                    found = json.loads(message.value())
    finally:
        consumer.close()
