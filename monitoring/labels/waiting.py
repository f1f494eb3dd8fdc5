"""Records waiting for their other half: a bounded table of columns, found by record id."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.store.encoding import DamagedState
from monitoring.store.ledger import Ledger
from monitoring.store.segments import FREE, NEW, SegmentsState, SegmentStore

# A search for the expired looks at every slot, so it is made only this often within a time-out.
_SEARCHES = 256
_FIRST_SLOTS = 1_024


class WaitingState(msgspec.Struct):
    """Records ever put, the time of the next search for the expired, and where the records are stored."""

    arrivals: int = 0
    next_search: int = 0
    segments: SegmentsState = msgspec.field(default_factory=SegmentsState)


class Waiting:
    """One side of a join.

    An id maps to a slot; the columns are arrays indexed by slot, so that a batch is stored and taken by a handful
    of array operations and no Python object is kept of a record but its id (and what the caller stores as object).

    Parameters
    ----------
    capacity : most records kept; the oldest arrival gives way.
    timeout_ms : longest a record waits.
    columns : name → (dtype, shape of one value).
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
        # What the table itself knows of a record. The ids stand here too, because a snapshot asks slots for their ids.
        self._ids: NDArray[np.object_] = np.full(size, None, dtype=np.object_)
        self._arrived: NDArray[np.int64] = np.zeros(size, dtype=np.int64)
        self._number: NDArray[np.int64] = np.zeros(size, dtype=np.int64)
        self._place: NDArray[np.int64] = np.full(size, FREE, dtype=np.int64)
        self._free = list(range(size - 1, -1, -1))
        self._arrivals = 0
        self._next_search = 0
        self._store = SegmentStore()

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
        slots = self._take_slots(ids)
        for name, column in self._columns.items():
            column[slots] = columns[name]
        self._arrived[slots] = now_ms
        self._number[slots] = np.arange(self._arrivals, self._arrivals + n)
        self._place[slots] = NEW
        self._arrivals += n
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
        rows = np.flatnonzero(self._arrived[slots] <= now_ms - self._timeout)
        self._release([self._slots.pop(ids[row]) for row in rows])
        return len(rows)

    def snapshot(self, ledger: Ledger, name: str) -> WaitingState:
        """Put what arrived since the last snapshot into the ledger; of what left only the state tells."""
        columns = {**self._columns, "id": self._ids, "arrived": self._arrived, "number": self._number}
        segments = self._store.snapshot(ledger, name, columns, self._place)
        return WaitingState(self._arrivals, self._next_search, segments)

    def restore(self, state: WaitingState, parts: Mapping[str, bytes], name: str) -> int:
        """Take over what waited when the snapshot was made; this table must be new. Returns how many found no room.

        Raises
        ------
        DamagedState : records are missing, twice there or of another kind.
        """
        rows = self._store.restore(state.segments, parts, name)
        self._arrivals, self._next_search = state.arrivals, state.next_search
        if rows is None:
            return 0
        order = np.argsort(rows["number"], kind="stable")
        evicted = max(len(order) - self._capacity, 0)
        order = order[evicted:]
        ids = rows["id"][order].tolist()
        fits = rows.keys() == self._columns.keys() | {"id", "arrived", "number", "place"} and all(
            rows[column].shape[1:] == values.shape[1:] for column, values in self._columns.items()
        )
        if not fits or len(set(ids)) != len(ids):
            raise DamagedState(f"monitor state, parts {name}: not the columns of this stream, or an id twice")
        slots = self._take_slots(ids)
        for column, values in self._columns.items():
            values[slots] = rows[column][order]
        self._arrived[slots], self._number[slots] = rows["arrived"][order], rows["number"][order]
        self._place[slots] = rows["place"][order]
        return evicted

    def _take_slots(self, ids: Sequence[str]) -> list[int]:
        n = len(ids)
        if not n:
            return []
        self._grow(n)
        slots = self._free[-n:]
        del self._free[-n:]
        self._slots.update(zip(ids, slots, strict=True))
        self._ids[slots] = ids
        return slots

    def _release(self, slots: list[int]) -> None:
        if not slots:
            return
        self._free.extend(slots)
        self._place[slots] = FREE
        self._ids[slots] = None
        for column in self._columns.values():
            if column.dtype == np.object_:
                column[slots] = None

    def _grow(self, wanted: int) -> None:
        size = len(self._arrived)
        if len(self._free) >= wanted:
            return
        new = max(2 * size, size + wanted)
        self._free = [*range(new - 1, size - 1, -1), *self._free]
        self._arrived, self._number = _grown(self._arrived, new), _grown(self._number, new)
        self._ids, self._place = _grown(self._ids, new, None), _grown(self._place, new, FREE)
        self._columns = {name: _grown(column, new) for name, column in self._columns.items()}


def _grown(column: NDArray[Any], size: int, fill: Any = 0) -> NDArray[Any]:
    return np.concatenate([column, np.full((size - len(column), *column.shape[1:]), fill, dtype=column.dtype)])
