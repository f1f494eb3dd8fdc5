"""From kafka-python's records to columns."""

from typing import Any

from driftline.kafka.interface import Batch


def to_batches(polled: dict[Any, list[Any]], headers: bool = False) -> list[Batch]:
    """One `Batch` a topic partition, in a fixed order, so that equal polls give equal calls."""
    batches = []
    for partition in sorted(polled):
        records = polled[partition]
        if records:
            batches.append(
                Batch(
                    topic=partition.topic,
                    partition=partition.partition,
                    offsets=[r.offset for r in records],
                    timestamps=[r.timestamp for r in records],
                    keys=[r.key for r in records],
                    values=[r.value for r in records],
                    headers=[r.headers for r in records] if headers else (),
                )
            )
    return batches
