"""From which offset of each partition a stretch of records begins."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_NONE = np.iinfo(np.int64).max


class LowestOffsets:
    """Answers, for any row of a batch, the lowest offset of each partition from that row on.

    Made once a batch, at a few array operations a partition, however many rows are asked.

    Parameters
    ----------
    partitions, offsets : place of each record, int64 [n].

    >>> lowest = LowestOffsets(np.array([0, 1, 0, 0]), np.array([7, 3, 5, 6]))
    >>> lowest.since(0), lowest.since(3, {1: 9})
    ({0: 5, 1: 3}, {1: 9, 0: 6})
    """

    def __init__(self, partitions: NDArray[np.int64], offsets: NDArray[np.int64]) -> None:
        self._from: dict[int, NDArray[np.int64]] = {}
        for partition in np.unique(partitions).tolist():
            own = np.where(partitions == partition, offsets, _NONE)
            self._from[partition] = np.minimum.accumulate(own[::-1])[::-1]

    def since(self, row: int, ends: Mapping[int, int] | None = None) -> dict[int, int]:
        """Partition → its lowest offset in this row or later; `ends` stands for partitions without one."""
        lowest = dict(ends or {})
        for partition, offsets in self._from.items():
            if (offset := int(offsets[row])) != _NONE:
                lowest[partition] = offset
        return lowest
