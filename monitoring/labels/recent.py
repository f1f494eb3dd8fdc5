"""Which record ids were seen lately, in bounded memory."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import msgspec
import numpy as np

from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import SEGMENT, Ledger, part_of


class RecentState(msgspec.Struct):
    """Number of the younger generation, ids in the elder and the younger; the ids are in parts of their own."""

    half: int = 0
    number: int = 0
    old: int = 0
    young: int = 0


class RecentIds:
    """Remembers at least the newest `capacity` // 2 and at most `capacity` ids.

    Two generations: the younger fills up, then becomes the elder, and the former elder is forgotten. That is two
    look-ups a question and no bookkeeping an id.

    >>> recent = RecentIds(4)
    >>> recent.add(["a", "b", "c"])
    >>> "a" in recent, "z" in recent
    (True, False)
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(capacity // 2, 1)
        # Dictionaries for their order: it says which ids are new since the last snapshot.
        self._young: dict[str, None] = {}
        self._old: dict[str, None] = {}
        self._number = 0
        self._stored_young = 0
        self._stored_old = 0

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._young or record_id in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def knows_none_of(self, record_ids: Sequence[str]) -> bool:
        """Whether all of these are new: the usual answer, found without a step in Python for each."""
        return self._young.keys().isdisjoint(record_ids) and self._old.keys().isdisjoint(record_ids)

    def add(self, record_ids: Iterable[str]) -> None:
        for record_id in record_ids:
            if len(self._young) >= self._half:
                self._old, self._young = self._young, {}
                self._stored_old, self._stored_young = self._stored_young, 0
                self._number += 1
            self._young[record_id] = None

    def snapshot(self, ledger: Ledger, name: str) -> RecentState:
        """Put the segments with new ids into the ledger; a full one is written once."""
        _store(ledger, f"{name}/{self._number - 1}", self._old, self._stored_old)
        _store(ledger, f"{name}/{self._number}", self._young, self._stored_young)
        self._stored_old, self._stored_young = len(self._old), len(self._young)
        return RecentState(self._half, self._number, len(self._old), len(self._young))

    def restore(self, state: RecentState, parts: Mapping[str, bytes], name: str) -> None:
        """Remember what a snapshot did, or its newest ids if the capacity is another; this one must be new.

        Raises
        ------
        DamagedState : ids are missing.
        """
        old = _load(parts, f"{name}/{state.number - 1}", state.old)
        young = _load(parts, f"{name}/{state.number}", state.young)
        if state.half != self._half:
            self.add([*old, *young])
            return
        self._old, self._young, self._number = dict.fromkeys(old), dict.fromkeys(young), state.number
        self._stored_old, self._stored_young = len(self._old), len(self._young)


def _store(ledger: Ledger, name: str, ids: Mapping[str, None], stored: int) -> None:
    opened = stored // SEGMENT if stored < len(ids) else -(-stored // SEGMENT)
    for segment in range(opened):
        ledger.keep(f"{name}.{segment}")
    fresh = np.array(list(islice(ids, opened * SEGMENT, None)), dtype=np.object_)
    for start in range(0, len(fresh), SEGMENT):
        ledger.put(f"{name}.{opened + start // SEGMENT}", pack(None, {"id": fresh[start : start + SEGMENT]}))


def _load(parts: Mapping[str, bytes], name: str, count: int) -> list[str]:
    ids: list[str] = []
    for segment in range(-(-count // SEGMENT)):
        part = f"{name}.{segment}"
        ids += unpack(part, part_of(parts, part), type(None))[1].get("id", np.empty(0, np.object_)).tolist()
    if len(ids) != count:
        raise DamagedState(f"monitor state, parts {name}: {len(ids)} ids where {count} were stored")
    return ids
