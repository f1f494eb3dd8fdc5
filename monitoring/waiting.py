"""Records waiting for their other half: a bounded table of columns, found by record id."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A search for the expired looks at every slot, so it is made only this often within a time-out.
_SEARCHES = 256
_FIRST_SLOTS = 1_024


class Waiting:
    """One side of a join.

    An id maps to a slot; the columns are arrays indexed by slot, so that a batch is stored and taken by a handful
    of array operations and no Python object is kept of a record but its id (and what the caller stores as object).

    Parameters
    ----------
    capacity : most records kept; the oldest arrival gives way.
    timeout_ms : longest a record waits.
    columns : name → (dtype, shape of one value). Must name 'partition'.
    """

    def __init__(self, capacity: int, timeout_ms: int, columns: Mapping[str, tuple[Any, tuple[int, ...]]]) -> None:
        self._capacity = capacity
        self._timeout = timeout_ms
        # Ordered by arrival. A plain dict is ordered too, but finding its first key gets slower with every
        # key removed before it.
        self._slots: OrderedDict[str, int] = OrderedDict()
        size = min(_FIRST_SLOTS, capacity)
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros((size, *shape), dtype=dtype) for name, (dtype, shape) in columns.items()
        }
        self._arrived: NDArray[np.int64] = np.zeros(size, dtype=np.int64)
        self._free = list(range(size - 1, -1, -1))
        self._next_search = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._slots

    def knows_none_of(self, ids: Sequence[str]) -> bool:
        """Whether none of these waits here: the usual answer, found without a step in Python for each."""
        return self._slots.keys().isdisjoint(ids)

    def put(self, ids: Sequence[str], columns: Mapping[str, NDArray[Any]], now_ms: int) -> int:
        """Store records with new ids; returns how many had to give way (or found no room themselves)."""
        evicted = max(len(ids) - self._capacity, 0)
        if evicted:
            ids, columns = ids[evicted:], {name: column[evicted:] for name, column in columns.items()}
        over = max(len(self._slots) + len(ids) - self._capacity, 0)
        self._release([self._slots.popitem(last=False)[1] for _ in range(over)])
        evicted += over
        n = len(ids)
        if not n:
            return evicted
        self._grow(n)
        slots = self._free[-n:]
        del self._free[-n:]
        self._slots.update(zip(ids, slots, strict=True))
        for name, column in self._columns.items():
            column[slots] = columns[name]
        self._arrived[slots] = now_ms
        return evicted

    def take(self, ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Remove records, all of which must be here, and give their columns in the order asked."""
        pop = self._slots.pop
        slots = [pop(record_id) for record_id in ids]
        taken = {name: column[slots] if slots else column[:0] for name, column in self._columns.items()}
        self._release(slots)
        return taken

    def expire(self, now_ms: int) -> int:
        """Remove what arrived `timeout_ms` ago or earlier; returns how many."""
        if now_ms < self._next_search or not self._slots:
            return 0
        self._next_search = now_ms + max(self._timeout // _SEARCHES, 1)
        ids, slots = list(self._slots), np.fromiter(self._slots.values(), np.int64, len(self._slots))
        return self._remove(ids, np.flatnonzero(self._arrived[slots] <= now_ms - self._timeout))

    def drop(self, partitions: Iterable[int]) -> int:
        """Remove what waits on these partitions; returns how many."""
        ids, slots = list(self._slots), np.fromiter(self._slots.values(), np.int64, len(self._slots))
        return self._remove(ids, np.flatnonzero(np.isin(self._columns["partition"][slots], list(partitions))))

    def _remove(self, ids: list[str], rows: NDArray[np.intp]) -> int:
        self._release([self._slots.pop(ids[row]) for row in rows])
        return len(rows)

    def _release(self, slots: list[int]) -> None:
        self._free.extend(slots)
        for column in self._columns.values():
            if column.dtype == np.object_:
                column[slots] = None

    def _grow(self, wanted: int) -> None:
        size = len(self._arrived)
        if len(self._free) >= wanted:
            return
        new = max(2 * size, size + wanted)
        self._free = [*range(new - 1, size - 1, -1), *self._free]
        self._arrived = np.concatenate([self._arrived, np.zeros(new - size, dtype=np.int64)])
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate(
                [column, np.zeros((new - size, *column.shape[1:]), dtype=column.dtype)]
            )
