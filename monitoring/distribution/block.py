"""A stretch of records as counts, and as bytes."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.store.encoding import DamagedState, pack, unpack


@dataclass(frozen=True, slots=True)
class Start:
    """Where a block begins."""

    record_id: str
    event_time: int
    features: dict[int, int]
    labels: dict[int, int]


@dataclass(slots=True)
class Block:
    """Counts of a stretch of records; `moments` are count, sum and sum of squares of each value, float64 [3, M], and
    `products` the sums of `monitoring.correlation.Pairs`, int64 [P].
    """

    start: Start
    counts: NDArray[np.int64]
    moments: NDArray[np.float64]
    rows: int = 0
    products: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


class _Head(msgspec.Struct):
    start: Start
    rows: int


def pack_block(block: Block) -> bytes:
    """A part of the state that holds one block."""
    columns = {"counts": block.counts, "moments": block.moments}
    if len(block.products):
        columns["products"] = block.products
    return pack(_Head(block.start, block.rows), columns)


def unpack_block(part: str, data: bytes, *, bins: int, values: int) -> Block:
    """Read what `pack_block` wrote. Raises DamagedState, also if it has other bins or values than these."""
    head, columns = unpack(part, data, _Head)
    counts, moments = columns.get("counts"), columns.get("moments")
    if counts is None or moments is None or counts.shape != (bins,) or moments.shape != (3, values):
        raise DamagedState(f"monitor state, part {part}: not the bins of this reference")
    return Block(head.start, counts, moments, head.rows, columns.get("products", np.zeros(0, dtype=np.int64)))
