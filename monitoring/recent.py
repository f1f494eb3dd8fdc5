"""Which record ids were seen lately, in bounded memory."""

from collections.abc import Iterable, Sequence


class RecentIds:
    """Remembers at least the newest `capacity` // 2 and at most `capacity` ids.

    Two generations: the younger fills up, then becomes the elder, and the former elder is forgotten. That is two
    set look-ups a question and no bookkeeping an id.

    >>> recent = RecentIds(4)
    >>> recent.add(["a", "b", "c"])
    >>> "a" in recent, "z" in recent
    (True, False)
    """

    def __init__(self, capacity: int) -> None:
        self._half = max(capacity // 2, 1)
        self._young: set[str] = set()
        self._old: set[str] = set()

    def __contains__(self, record_id: str) -> bool:
        return record_id in self._young or record_id in self._old

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def knows_none_of(self, record_ids: Sequence[str]) -> bool:
        """Whether all of these are new: the usual answer, found without a step in Python for each."""
        return self._young.isdisjoint(record_ids) and self._old.isdisjoint(record_ids)

    def add(self, record_ids: Iterable[str]) -> None:
        for record_id in record_ids:
            if len(self._young) >= self._half:
                self._old, self._young = self._young, set()
            self._young.add(record_id)
