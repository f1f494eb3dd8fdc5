"""Which parts of the state are stored as they are, so that only what changed is written again."""

import hashlib
from collections.abc import Mapping

from monitoring.store.encoding import DamagedState

SEGMENT = 2_048
"""Rows of a table that share a part. At half, 200,000 rows would be 200 parts; at double, a slow stream would write
twice as many rows again with each new one."""


class Ledger:
    """Collects the parts of one snapshot after another and tells what changed between them.

    >>> ledger = Ledger()
    >>> ledger.put("a", b"1")
    >>> ledger.put("b", b"2")
    >>> ledger.close()
    {'a': b'1', 'b': b'2'}
    >>> ledger.keep("b")
    >>> ledger.close()
    {'a': None}
    """

    def __init__(self) -> None:
        self._stored: dict[str, bytes] = {}
        self._seen: set[str] = set()
        self._changed: dict[str, bytes | None] = {}

    def put(self, name: str, content: bytes) -> None:
        """This part exists, with these contents; it is written unless it is stored just so."""
        digest = _digest(content)
        self._seen.add(name)
        if self._stored.get(name) != digest:
            self._stored[name] = digest
            self._changed[name] = content

    def keep(self, name: str) -> None:
        """This part exists and is as it was."""
        self._seen.add(name)

    def close(self) -> dict[str, bytes | None]:
        """What changed since the last call; a part that was neither put nor kept is gone, and None."""
        for name in self._stored.keys() - self._seen:
            del self._stored[name]
            self._changed[name] = None
        changed, self._changed, self._seen = self._changed, {}, set()
        return changed

    def restored(self, parts: Mapping[str, bytes]) -> None:
        """These parts, and no others, are stored."""
        self._stored = {name: _digest(content) for name, content in parts.items()}
        self._seen, self._changed = set(), {}


def part_of(parts: Mapping[str, bytes], name: str) -> bytes:
    """One part of a snapshot. Raises DamagedState if it is not there."""
    if name not in parts:
        raise DamagedState(f"monitor state: part {name} is missing")
    return parts[name]


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
