"""The one small interface between driftline and a Kafka client.

Everything moves in columns: a poll yields, for each topic partition, parallel lists of offsets, keys and values; a
send takes parallel lists. An implementation may hold whatever objects its client makes, but hands none of them on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftline.errors import DriftlineError

TopicPartition = tuple[str, int]
Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic partition, in offset order; all columns have the same length."""

    topic: str
    partition: int
    offsets: Sequence[int]
    timestamps: Sequence[int]
    """Broker or producer time, epoch ms."""
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Sequence[tuple[str, bytes]] | None] = ()
    """As long as `values` if the reader was told to keep them, else empty."""

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def next_offset(self) -> int:
        """The offset to commit once this batch is done."""
        return self.offsets[-1] + 1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records to send to one topic. `keys` is None or as long as `values`.

    With `partition` None, each record goes where its key's murmur2 hash says, as in every Kafka client, so equal
    keys meet in equal partitions of equally partitioned topics.
    """

    topic: str
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None = None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = field(default=())
    """Of every record."""
    each: Mapping[int, Sequence[tuple[str, bytes]]] = field(default_factory=dict)
    """Index in `values` → further headers, of the few records that have some of their own."""


class KafkaFault(DriftlineError):
    """The broker or the client could not do what was asked; the message says what and where."""


class Fenced(KafkaFault):
    """This member no longer owns what it tried to commit: its outputs were aborted, its work is another's."""


class Replaced(Fenced):
    """Another process of the same name has taken over for good. Going on would only throw that one out in turn."""


class Reader(Protocol):
    """A member of a consumer group."""

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        """Wait up to `timeout` seconds for records; may return fewer than `max_records`, or none."""

    def keep_headers(self) -> None:
        """From now on, give each batch the headers of its records."""

    def assignment(self) -> frozenset[TopicPartition]:
        """The topic partitions this member owns now."""

    def pause(self, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Stop fetching from these partitions (None: all), staying in the group as long as `poll` is called."""

    def resume(self, partitions: Sequence[TopicPartition] | None = None) -> None:
        """Fetch again."""

    def seek(self, offsets: Offsets) -> None:
        """Read on from these offsets."""

    def rewind(self) -> None:
        """Read on from what is committed: after an aborted commit, everything since is read again."""

    def commit(self, offsets: Offsets, remark: str = "") -> None:
        """Commit next offsets outside any transaction, `remark` with each of them. Raises Fenced, KafkaFault."""

    def committed(self) -> dict[TopicPartition, int]:
        """Committed next offsets of the assignment; absent where nothing was committed yet."""

    def remarks(self) -> dict[TopicPartition, str]:
        """What was remarked with each committed offset of the assignment; absent where there is nothing.

        A remark is Kafka's offset metadata: a short text of whoever committed the offset, replaced with the next.
        """

    def skipped(self) -> dict[TopicPartition, int]:
        """Records that retention removed before this member could read them, since the last call.

        Where the next offset to read no longer exists, reading goes on from the oldest record that does.
        """

    def lag(self) -> dict[TopicPartition, int]:
        """Records between this member's position and the end that the last fetch saw."""

    def close(self) -> None:
        """Leave the group at once, so that its partitions move without waiting for the session time-out."""


class Writer(Protocol):
    """Sends outputs and commits the offsets they answer, together."""

    def send(self, out: Outgoing) -> None:
        """Queue records; opens a transaction if this writer has them and none is open."""

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        """Make everything sent since the last commit durable, and `offsets` of `reader` with it, each with `remark`.

        Raises
        ------
        Replaced : another process of this name has taken over.
        Fenced : another member has taken over; nothing of this round will be visible to read_committed readers.
        KafkaFault : an output could not be written; the offsets were not committed either.
        """

    def abort(self) -> None:
        """Throw away what was sent since the last commit, as far as the guarantee allows."""

    def close(self) -> None: ...


class Tail(Protocol):
    """Reads whole topics from given offsets, outside any group: followers, reports, training windows."""

    def poll(self, timeout: float, max_records: int = 10_000) -> list[Batch]: ...

    def positions(self) -> dict[TopicPartition, int]:
        """Next offsets to read; past the markers of transactions, so that a partition read to its end says so."""

    def ends(self) -> dict[TopicPartition, int]:
        """End offsets now. (The embedded broker may report them low for a while: never a proof of completeness.)"""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rebalance:
    """What a group member is told when its partitions change; both are called inside `poll`."""

    assigned: Callable[[frozenset[TopicPartition]], None] = lambda partitions: None
    revoked: Callable[[frozenset[TopicPartition]], None] = lambda partitions: None


NO_REBALANCE = Rebalance()


class Client(Protocol):
    """Makes readers and writers for one cluster."""

    name: str

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> Reader:
        """Join `group`. With `exclusive`, one member gets every partition and the others stand by."""

    def writer(self, transactional_id: str | None = None) -> Writer:
        """With a transactional id, commits are Kafka transactions; without, flush and then commit."""

    def tail(
        self,
        topics: Sequence[str],
        *,
        start: Offsets | None = None,
        from_end: bool = False,
        committed_only: bool = True,
    ) -> Tail:
        """Read all partitions of `topics` from the beginning or the end; with `start`, only those from there."""

    def ensure_topics(self, plans: Sequence["TopicRequest"]) -> list[str]:
        """Create what is missing; returns the names created. Raises KafkaFault on a partition count that differs."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TopicRequest:
    """A topic as it is to stand on the cluster."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]
