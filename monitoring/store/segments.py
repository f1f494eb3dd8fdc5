"""Storing a table whose rows leave in any order: written once, thinned by bitmaps, rewritten when half is gone."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import SEGMENT, Ledger, part_of

FREE = -2
"""Place of a slot without a row."""
NEW = -1
"""Place of a row that no snapshot has stored yet."""


class SegmentsState(msgspec.Struct):
    """Where rows are stored.

    Attributes
    ----------
    next_place : the next row's place.
    segments : those that hold rows still there.
    thinned : those of them from which rows have left since they were written.
    alive : for each of the thinned, one bit a place of it, set if its row is still there.
    """

    next_place: int = 0
    segments: list[int] = []
    thinned: list[int] = []
    alive: bytes = b""


class SegmentStore:
    """Gives each row a place; 2,048 places are a segment, which is a part of its own.

    A row gets its place at the first snapshot that sees it, so that rows which come and go between two snapshots cost
    nothing. A row that leaves is told by one bit. From a full segment of which less than half is left the rest moves on
    to the newest places, as in a log-structured store, so what is stored is at most twice what is there, and what is
    written is in proportion to what came and left.

    References
    ----------
    Rosenblum, M. and Ousterhout, J. K. (1992), The design and implementation of a log-structured file system, ACM
    Transactions on Computer Systems 10(1), section 3.
    """

    def __init__(self) -> None:
        self._written: dict[int, int] = {}
        self._next = 0

    def snapshot(
        self, ledger: Ledger, name: str, columns: Mapping[str, NDArray[Any]], place: NDArray[np.int64]
    ) -> SegmentsState:
        """Put the segments with new rows into the ledger as NAME/0, NAME/1 ….

        Parameters
        ----------
        columns : by slot; 'number' gives the order in which new rows are placed.
        place : of each slot, int64; written to.
        """
        self._move_on(place)
        new = np.flatnonzero(place == NEW)
        new = new[np.argsort(columns["number"][new], kind="stable")]
        start, self._next = self._next, self._next + len(new)
        place[new] = np.arange(start, self._next)
        for segment in range(start // SEGMENT, -(-self._next // SEGMENT)) if len(new) else ():
            slots = np.flatnonzero(place // SEGMENT == segment)
            content = {column: values[slots] for column, values in columns.items()}
            ledger.put(f"{name}/{segment}", pack(None, {**content, "place": place[slots]}))
            self._written[segment] = len(slots)
        return self._state(ledger, name, place)

    def restore(self, state: SegmentsState, parts: Mapping[str, bytes], name: str) -> dict[str, NDArray[Any]] | None:
        """The rows still there, as columns with their 'place', in no order; None without any.

        Raises
        ------
        DamagedState : a segment is missing or does not fit.
        """
        self._next = state.next_place
        bits = np.unpackbits(np.frombuffer(state.alive, dtype=np.uint8))
        if len(bits) != len(state.thinned) * SEGMENT:
            raise DamagedState(f"monitor state, parts {name}: {len(bits)} bits for {len(state.thinned)} segments")
        alive = dict(zip(state.thinned, bits.reshape(-1, SEGMENT).astype(np.bool_), strict=True))
        found: list[dict[str, NDArray[Any]]] = []
        for segment in state.segments:
            part = f"{name}/{segment}"
            _, columns = unpack(part, part_of(parts, part), type(None))
            if "place" not in columns or (columns["place"] // SEGMENT != segment).any():
                raise DamagedState(f"monitor state, part {part}: not the rows of this segment")
            self._written[segment] = len(columns["place"])
            if segment in alive:
                kept = alive[segment][columns["place"] % SEGMENT]
                columns = {column: values[kept] for column, values in columns.items()}
            found.append(columns)
        if not found:
            return None
        if any(columns.keys() != found[0].keys() for columns in found):
            raise DamagedState(f"monitor state, parts {name}: segments of different columns")
        return {column: np.concatenate([columns[column] for columns in found]) for column in found[0]}

    def _move_on(self, place: NDArray[np.int64]) -> None:
        segments, rows = _counted(place)
        full = self._next // SEGMENT
        sparse = [
            segment
            for segment, n in zip(segments.tolist(), rows.tolist(), strict=True)
            if segment < full and 2 * n < self._written[segment]
        ]
        if sparse:
            place[np.isin(place // SEGMENT, sparse) & (place >= 0)] = NEW

    def _state(self, ledger: Ledger, name: str, place: NDArray[np.int64]) -> SegmentsState:
        segments, rows = _counted(place)
        listed = segments.tolist()
        written = {segment: self._written[segment] for segment in listed}
        thinned = [segment for segment, n in zip(listed, rows.tolist(), strict=True) if n < written[segment]]
        alive = np.zeros((len(listed), SEGMENT), dtype=np.bool_)
        if listed:
            kept = place[place >= 0]
            row = np.zeros(listed[-1] - listed[0] + 1, dtype=np.int64)
            row[segments - listed[0]] = np.arange(len(listed))
            alive[row[kept // SEGMENT - listed[0]], kept % SEGMENT] = True
        for segment in listed:
            ledger.keep(f"{name}/{segment}")
        self._written = written
        bits = np.packbits(alive[np.isin(segments, thinned)]).tobytes()
        return SegmentsState(self._next, listed, thinned, bits)


def _counted(place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Segments that hold rows, ascending, and how many each; int64."""
    segment = place[place >= 0] // SEGMENT
    if not len(segment):
        return segment, segment
    first = int(segment.min())
    counts = np.bincount(segment - first)
    held = np.flatnonzero(counts)
    return held + first, counts[held]
