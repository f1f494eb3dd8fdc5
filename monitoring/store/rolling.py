"""The newest rows of some columns, in bounded memory, always readable as contiguous arrays."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import SEGMENT, Ledger, part_of


class RollingState(msgspec.Struct):
    """Rows ever appended, and the number of the oldest kept; the rows are in parts of their own."""

    total: int = 0
    first: int = 0


class Rolling:
    """Keeps the newest `capacity` rows of named columns.

    Each column is an array of twice the capacity that is filled from the left; once it is full its newer half moves
    to the front. So appending costs O(1) a row and reading costs nothing, where a ring would have to be unrolled.

    Parameters
    ----------
    capacity : rows kept, at least 1.
    columns : name → dtype.

    >>> rolling = Rolling(3, x=np.int64)
    >>> rolling.append(x=np.arange(5))
    >>> rolling["x"].tolist(), rolling.total, rolling.first
    ([2, 3, 4], 5, 2)
    """

    def __init__(self, capacity: int, **columns: DTypeLike) -> None:
        self._capacity = capacity
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(2 * capacity, dtype=dtype) for name, dtype in columns.items()
        }
        self._end = 0
        self.total = 0
        """Rows ever appended: the number of the next row."""
        self._stored = 0

    def __len__(self) -> int:
        return min(self._end, self._capacity)

    @property
    def first(self) -> int:
        """Number of the oldest row kept."""
        return self.total - len(self)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The kept rows of a column, oldest first: a view that the next append may overwrite."""
        return self._columns[name][self._end - len(self) : self._end]

    def append(self, **values: NDArray[Any]) -> None:
        """Add rows; every column must be given, all of one length."""
        n = len(next(iter(values.values())))
        taken = min(n, self._capacity)
        if self._end + taken > 2 * self._capacity:
            keep = min(len(self), self._capacity - taken)
            for column in self._columns.values():
                column[:keep] = column[self._end - keep : self._end].copy()
            self._end = keep
        for name, column in self._columns.items():
            column[self._end : self._end + taken] = values[name][n - taken :]
        self._end += taken
        self.total += n

    def skip(self, n: int) -> None:
        """Count n rows that are not worth adding, for at least `capacity` rows follow them at once."""
        self.total += n

    def snapshot(self, ledger: Ledger, name: str) -> RollingState:
        """Put the segments with new rows into the ledger as NAME/0, NAME/1 …; a full one is written once."""
        first, total = self.first, self.total
        for segment in range(first // SEGMENT, -(-total // SEGMENT)) if len(self) else ():
            start, end = max(segment * SEGMENT, first), min((segment + 1) * SEGMENT, total)
            part = f"{name}/{segment}"
            if end <= self._stored:
                ledger.keep(part)
            else:
                rows = slice(start - first, end - first)
                ledger.put(part, pack(start, {column: self[column][rows] for column in self._columns}))
        self._stored = total
        return RollingState(total, first)

    def restore(self, state: RollingState, parts: Mapping[str, bytes], name: str) -> None:
        """Take over the newest rows of a snapshot; this table must be new.

        Raises
        ------
        DamagedState : rows are missing.
        """
        self.total = self._stored = state.first
        for segment in range(state.first // SEGMENT, -(-state.total // SEGMENT)) if state.total > state.first else ():
            part = f"{name}/{segment}"
            start, columns = unpack(part, part_of(parts, part), int)
            n = min((segment + 1) * SEGMENT, state.total) - self.total
            skip = self.total - start
            if columns.keys() != self._columns.keys() or skip < 0 or any(len(c) - skip != n for c in columns.values()):
                raise DamagedState(f"monitor state, part {part}: not the rows from {self.total} on")
            self.append(**{column: values[skip:] for column, values in columns.items()})
        self._stored = self.total
