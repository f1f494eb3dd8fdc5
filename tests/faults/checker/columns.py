"""Growing columns of integers: 8 bytes a record instead of an object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
MISSING = -1
"""Stands where a record lacks a field."""


class Columns:
    """Rows of integers that arrive in pieces."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._pieces: list[Ints] = []

    def add(self, rows: Sequence[Sequence[int]]) -> None:
        """Take rows, each with one integer a column."""
        if rows:
            self._pieces.append(np.array(rows, dtype=np.int64))

    def arrays(self) -> dict[str, Ints]:
        """Every column, whole, in the order of arrival."""
        empty = np.empty((0, len(self.names)), dtype=np.int64)
        whole = np.concatenate([empty, *self._pieces])
        self._pieces = [whole]
        return {name: np.ascontiguousarray(whole[:, i]) for i, name in enumerate(self.names)}


def first_of_each(keys: Ints, *order: Ints) -> Ints:
    """Rows that hold the first of each key, where `order` (most important first) says what is earlier."""
    ranked = np.lexsort((*reversed(order), keys))
    sorted_keys = keys[ranked]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    return ranked[first]
