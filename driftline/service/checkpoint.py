"""Checkpoints: a core's state on a compacted topic, in the transaction of the offsets and outputs it belongs to.

On the topic, a checkpoint is some parts and then one head. Parts are compressed and cut into pieces, one record each
(key ``NAME#PIECE``, value the part's digest and the piece); the head (key ``head``) is JSON that a person or another
program can read::

    {"number": 7, "at": 1764000000000, "positions": {"pumps.labels": {"0": 4711}}, "account": {"outcomes": 4700},
     "parts": {"core": {"pieces": 1, "digest": "9f…"}}}

A checkpoint counts once its head is read, and a piece if it bears the digest that the head lists. So even where there
are no transactions, a process that died while it was writing one leaves the checkpoint before it in force.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from driftline.errors import DriftlineError
from driftline.kafka.interface import Outgoing, TopicPartition

HEAD = b"head"
# A broker refuses records above 1 MB unless told otherwise; half of that leaves room for its own framing.
PIECE_BYTES = 512 * 1024
# Level 1 takes a tenth of the time of the default 6 and gives a tenth more bytes on columns of numbers.
_COMPRESSION = 1
_DIGEST_BYTES = 8


class DamagedCheckpoint(DriftlineError):
    """The state on the topic is not what its head says."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state and the place on the inputs it belongs to.

    Attributes
    ----------
    positions : next offset of every input partition read.
    parts : name → bytes, as the core gave them.
    size : bytes of the parts on the topic.
    """

    number: int
    positions: dict[TopicPartition, int]
    parts: dict[str, bytes]
    size: int


@dataclass(slots=True)
class _Head:
    number: int = 0
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)


class CheckpointWriter:
    """Makes the records of one checkpoint after another; knows which parts are on the topic already.

    Parameters
    ----------
    topic : a compacted topic of one partition.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._head = _Head()

    def resume(self, number: int, parts: Mapping[str, dict[str, Any]]) -> None:
        """Go on from what is on the topic: its checkpoint's number, and its parts as the head lists them."""
        self._head = _Head(number, {}, dict(parts))

    def records(
        self,
        changed: Mapping[str, bytes | None],
        positions: Mapping[TopicPartition, int],
        account: Mapping[str, int],
        now_ms: int,
    ) -> Outgoing:
        """The records of the next checkpoint, head last.

        If they are not committed, `resume` with what is on the topic.
        """
        listed = self._head.parts
        keys: list[bytes] = []
        values: list[bytes | None] = []
        for name, content in changed.items():
            before = listed.pop(name, {"pieces": 0})
            pieces: list[bytes] = []
            if content is not None:
                packed = zlib.compress(content, _COMPRESSION)
                listed[name] = {"pieces": -(-len(packed) // PIECE_BYTES), "digest": _digest(packed)}
                if listed[name] == before:
                    continue
                mark = bytes.fromhex(listed[name]["digest"])
                pieces = [mark + packed[i : i + PIECE_BYTES] for i in range(0, len(packed), PIECE_BYTES)]
            keys += [_key(name, i) for i in range(max(len(pieces), before["pieces"]))]
            values += [*pieces, *[None] * (before["pieces"] - len(pieces))]
        self._head.number += 1
        head = {
            "schema_version": 1,
            "number": self._head.number,
            "at": now_ms,
            "positions": _nested(positions),
            "account": dict(account),
            "parts": listed,
        }
        return Outgoing(self._topic, [*values, json.dumps(head).encode()], [*keys, HEAD], 0)


class CheckpointFold:
    """Folds the records of the topic, in order, into the last whole checkpoint."""

    def __init__(self) -> None:
        self._staged: dict[bytes, bytes | None] = {}
        self._pieces: dict[bytes, bytes] = {}
        self._head: _Head | None = None
        self.records = 0

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """One record of the topic. Raises DamagedCheckpoint for a head that cannot be read."""
        self.records += 1
        if key is None:
            return
        if key != HEAD:
            self._staged[key] = value
            return
        self._head = _read_head(value)
        for place, piece in self._staged.items():
            listed = self._head.parts.get(_name(place))
            if listed is None:
                self._pieces.pop(place, None)
            # Pieces of a checkpoint that was never finished are not what the head lists, and change nothing.
            elif piece is not None and piece[:_DIGEST_BYTES].hex() == listed["digest"]:
                self._pieces[place] = piece[_DIGEST_BYTES:]
        self._staged = {}

    @property
    def positions(self) -> dict[TopicPartition, int]:
        """Of the newest head; empty before the first."""
        return self._head.positions if self._head else {}

    @property
    def number(self) -> int:
        """Of the newest head; 0 before the first."""
        return self._head.number if self._head else 0

    def listed(self) -> dict[str, dict[str, Any]]:
        """The parts that the newest head lists, for `CheckpointWriter.resume`."""
        return self._head.parts if self._head else {}

    def checkpoint(self) -> Checkpoint | None:
        """The last whole checkpoint, or None before the first. Raises DamagedCheckpoint."""
        if self._head is None:
            return None
        parts, size = {}, 0
        for name, listed in self._head.parts.items():
            try:
                packed = b"".join(self._pieces[_key(name, i)] for i in range(int(listed["pieces"])))
            except KeyError as error:
                raise DamagedCheckpoint(f"checkpoint {self._head.number}: part {name} is not whole") from error
            if _digest(packed) != listed["digest"]:
                raise DamagedCheckpoint(f"checkpoint {self._head.number}: part {name} is not what its head says")
            parts[name] = zlib.decompress(packed)
            size += len(packed)
        return Checkpoint(self._head.number, self._head.positions, parts, size)


def _key(name: str, piece: int) -> bytes:
    return f"{name}#{piece}".encode()


def _name(key: bytes) -> str:
    return key.decode(errors="replace").rpartition("#")[0]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


def _nested(positions: Mapping[TopicPartition, int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in sorted(positions.items()):
        nested.setdefault(topic, {})[str(partition)] = offset
    return nested


def _read_head(value: bytes | None) -> _Head:
    try:
        head = json.loads(value or b"")
        if head["schema_version"] != 1:
            raise DamagedCheckpoint(
                f"the checkpoint was written by another version of driftline (schema {head['schema_version']})"
            )
        positions = {
            (topic, int(partition)): int(offset)
            for topic, offsets in head["positions"].items()
            for partition, offset in offsets.items()
        }
        return _Head(int(head["number"]), positions, dict(head["parts"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedCheckpoint(f"a checkpoint's head cannot be read: {error!r}") from error
