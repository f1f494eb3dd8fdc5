"""The newest rows of some columns, in bounded memory, always readable as contiguous arrays."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


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

    def clear(self) -> None:
        """Forget the rows; the count goes on."""
        self._end = 0
