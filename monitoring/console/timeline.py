"""Series over time in bounded memory: columns grow wider as the run grows longer, and then the oldest are let go."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Merge = Literal["sum", "max", "last"]


class Timeline:
    """Rows of values by columns of time.

    A column covers `width_ms`. When the span outgrows the columns, neighbours are merged in pairs and the width
    doubles, up to `widest_ms`; from there on the oldest columns fall off.

    Parameters
    ----------
    rows : name → how two neighbours become one: their sum, their maximum, or the later one. NaN is no value.
    depth : values in each cell of a row.
    columns : at least 2.

    Attributes
    ----------
    start : epoch ms of the first column; a multiple of `width_ms`.
    count : columns in use.
    revision : changes whenever a column that was shown before is not the same column any more.
    """

    def __init__(
        self, rows: Mapping[str, Merge], *, columns: int, width_ms: int, widest_ms: int, depth: int = 1
    ) -> None:
        self._rows = dict(rows)
        self._columns, self._widest = columns, widest_ms
        self.width_ms = width_ms
        self.start = 0
        self.count = 0
        self.revision = 0
        self._cells = {name: self._empty(merge, columns, depth) for name, merge in rows.items()}

    @staticmethod
    def _empty(merge: Merge, columns: int, depth: int) -> NDArray[np.float32]:
        return np.full((columns, depth), 0.0 if merge == "sum" else np.nan, dtype=np.float32)

    def __getitem__(self, row: str) -> NDArray[np.float32]:
        """The row's columns in use, float32 [count, depth]."""
        return self._cells[row][: self.count]

    def column(self, at_ms: int) -> int | None:
        """The column of a moment, made if need be; None if it lies before all that is kept."""
        if self.count == 0:
            self.start = at_ms // self.width_ms * self.width_ms
            self.count = 1
            return 0
        end = self.start + self.count * self.width_ms
        low, high = min(at_ms, self.start), max(at_ms, end - 1)
        while high // self.width_ms - low // self.width_ms >= self._columns and self.width_ms * 2 <= self._widest:
            self._halve()
        index = (at_ms - self.start) // self.width_ms
        if index < 0:
            if self.count - index > self._columns:
                return None
            self._move(-index)
            return 0
        if index >= self._columns:
            self._move(self._columns - 1 - index)
            index = self._columns - 1
        self.count = max(self.count, index + 1)
        return index

    def set(self, row: str, at_ms: int, values: float | NDArray[np.float32]) -> None:
        """Put a value into a row, merged with what its column has ('last' replaces it)."""
        if (column := self.column(at_ms)) is not None:
            cells, merge = self._cells[row], self._rows[row]
            if merge == "sum":
                cells[column] += values
            elif merge == "max":
                cells[column] = np.fmax(cells[column], values)
            else:
                cells[column] = values

    def _halve(self) -> None:
        """Merge neighbours, on columns twice as wide."""
        wide = self.width_ms * 2
        if self.start % wide:
            # The first column has no elder neighbour: begin one column earlier, with an empty one.
            for name, cells in self._cells.items():
                empty = self._empty(self._rows[name], 1, cells.shape[1])
                self._cells[name] = np.concatenate([empty, cells])
            self.start -= self.width_ms
            self.count += 1
        for name, merge in self._rows.items():
            cells = self._cells[name]
            if len(cells) % 2:
                cells = np.concatenate([cells, self._empty(merge, 1, cells.shape[1])])
            first, second = cells[::2], cells[1::2]
            if merge == "sum":
                merged = first + second
            elif merge == "max":
                merged = np.fmax(first, second)
            else:
                merged = np.where(np.isnan(second), first, second)
            fresh = self._empty(merge, self._columns, cells.shape[1])
            fresh[: len(merged)] = merged[: self._columns]
            self._cells[name] = fresh
        self.width_ms = wide
        self.count = (self.count + 1) // 2
        self.revision += 1

    def _move(self, by: int) -> None:
        """Move all columns by so many places; what falls off either end is gone."""
        for name, merge in self._rows.items():
            cells = self._cells[name]
            fresh = self._empty(merge, self._columns, cells.shape[1])
            if by > 0:
                fresh[by:] = cells[: self._columns - by]
            elif -by < self._columns:
                fresh[: self._columns + by] = cells[-by:]
            self._cells[name] = fresh
        self.start -= by * self.width_ms
        self.count = min(max(self.count + by, 1), self._columns)
        self.revision += 1
