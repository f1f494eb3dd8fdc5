"""Small streams and their records, for tests."""

import json
from typing import Any

from driftline.kafka.interface import Batch
from driftline.spec import StreamSpec, parse_spec

NOW = 1_800_000_000_000
"""The present of every test that has one, epoch ms."""


def numeric_stream(width: int = 3, **sections: Any) -> StreamSpec:
    """A stream of `width` numbers and three classes."""
    return parse_spec(
        {
            "stream": "pumps",
            "classes": ["ok", "worn", "broken"],
            "features": [{"name": f"x{i}", "type": "numeric"} for i in range(width)],
            **sections,
        }
    )


def mixed_stream(**sections: Any) -> StreamSpec:
    """Numbers, a category of each policy, and a text, in an order that mixes them."""
    return parse_spec(
        {
            "stream": "tickets",
            "classes": ["ok", "worn", "broken"],
            "features": [
                {"name": "site", "type": "categorical", "categories": ["north", "south"]},
                {"name": "load", "type": "numeric"},
                {"name": "note", "type": "text"},
                {"name": "shift", "type": "categorical", "categories": ["1", "2", "true"], "unknown": "bucket"},
                {"name": "heat", "type": "numeric", "required": True},
            ],
            **sections,
        }
    )


def feature_record(features: Any, record_id: str = "r1", **fields: Any) -> bytes:
    """A feature record's bytes, as any JSON library would write them."""
    record = {"schema_version": 1, "record_id": record_id, "device_id": "d1", "event_time": NOW, "features": features}
    return json.dumps(record | fields).encode()


def batch(values: list[bytes | None], topic: str = "pumps.features", partition: int = 0, start: int = 0) -> Batch:
    """Values as one polled batch."""
    n = len(values)
    return Batch(topic, partition, list(range(start, start + n)), [NOW] * n, [b"d1"] * n, values)
