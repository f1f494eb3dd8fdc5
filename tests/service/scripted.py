"""A Kafka client whose broker is a script: faults happen at the call they are written for, so a failure replays."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from driftline.kafka.interface import (
    NO_REBALANCE,
    Batch,
    KafkaFault,
    Offsets,
    Outgoing,
    Reader,
    Rebalance,
    TopicPartition,
)


class HandClock:
    """A clock that moves only when told, or when something sleeps on it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class ScriptedClient:
    """One partition's log, a reader over it, and a writer that fails at the commits named."""

    log: list[bytes]
    clock: HandClock
    faults: dict[int, KafkaFault] = field(default_factory=dict)
    """Number of the commit (from 0) → what it raises."""
    moves: dict[int, frozenset[TopicPartition]] = field(default_factory=dict)
    """Number of the poll → the partitions owned from then on."""
    visible: list[tuple[str, bytes | None]] = field(default_factory=list)
    state: list[tuple[bytes | None, bytes | None]] = field(default_factory=list)
    """Keys and values of the topic 'state', as committed."""
    tear_at: dict[int, int] = field(default_factory=dict)
    """Number of the commit → how many records of the state topic survive its failure, as without transactions."""
    committed: int = 0
    remark: str = ""
    commits: int = 0
    closed: list[str] = field(default_factory=list)
    name: str = "scripted"

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> "ScriptedReader":
        return ScriptedReader(self, rebalance)

    def writer(self, transactional_id: str | None = None) -> "ScriptedWriter":
        return ScriptedWriter(self)

    def tail(
        self,
        topics: Sequence[str],
        *,
        start: Offsets | None = None,
        from_end: bool = False,
        committed_only: bool = True,
    ) -> "ScriptedTail":
        return ScriptedTail(self.state)


class ScriptedReader:
    def __init__(self, client: ScriptedClient, rebalance: Rebalance) -> None:
        self._client, self._rebalance = client, rebalance
        self.position, self.polls, self.paused = 0, 0, False
        self._owned: frozenset[TopicPartition] = frozenset()

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        client = self._client
        owned = client.moves.get(self.polls, self._owned if self.polls else frozenset({("t", 0)}))
        self.polls += 1
        gone, new, self._owned = self._owned - owned, owned - self._owned, owned
        if gone:
            self._rebalance.revoked(gone)
        if new:
            self.position, self.paused = client.committed, False  # as in Kafka: new partitions are not paused
            self._rebalance.assigned(new)
        values = client.log[self.position : self.position + max_records] if owned and not self.paused else []
        if not values:
            client.clock.sleep(timeout)
            return []
        start, self.position = self.position, self.position + len(values)
        offsets = list(range(start, self.position))
        return [Batch("t", 0, offsets, [0] * len(values), [None] * len(values), values)]

    def keep_headers(self) -> None:
        """Its records have none."""

    def assignment(self) -> frozenset[TopicPartition]:
        return self._owned

    def pause(self, partitions: object = None) -> None:
        self.paused = True

    def resume(self, partitions: object = None) -> None:
        self.paused = False

    def seek(self, offsets: Offsets) -> None:
        self.position = offsets.get(("t", 0), self.position)

    def rewind(self) -> None:
        self.position = self._client.committed

    def committed(self) -> dict[TopicPartition, int]:
        return {("t", 0): self._client.committed} if self._client.committed else {}

    def remarks(self) -> dict[TopicPartition, str]:
        return {("t", 0): self._client.remark} if self._client.remark else {}

    def skipped(self) -> dict[TopicPartition, int]:
        return {}

    def lag(self) -> dict[TopicPartition, int]:
        return {("t", 0): len(self._client.log) - self.position}

    def close(self) -> None:
        self._client.closed.append("reader")


class ScriptedTail:
    def __init__(self, state: list[tuple[bytes | None, bytes | None]]) -> None:
        self._state, self._at = state, 0

    def poll(self, timeout: float, max_records: int = 3) -> list[Batch]:
        rows = self._state[self._at : self._at + 3]
        start, self._at = self._at, self._at + len(rows)
        numbers = list(range(start, self._at))
        return [Batch("state", 0, numbers, [0] * len(rows), [k for k, _ in rows], [v for _, v in rows])] if rows else []

    def positions(self) -> dict[TopicPartition, int]:
        return {("state", 0): self._at}

    def ends(self) -> dict[TopicPartition, int]:
        return {("state", 0): len(self._state)}

    def close(self) -> None: ...


class ScriptedWriter:
    def __init__(self, client: ScriptedClient) -> None:
        self._client = client
        self._pending: list[tuple[str, bytes | None]] = []
        self._state: list[tuple[bytes | None, bytes | None]] = []

    def send(self, out: Outgoing) -> None:
        if out.topic == "state":
            self._state += zip(out.keys or (), out.values, strict=True)
        else:
            self._pending += [(out.topic, value) for value in out.values]

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        client = self._client
        number, client.commits = client.commits, client.commits + 1
        pending, state, self._pending, self._state = self._pending, self._state, [], []
        if number in client.faults:
            client.state += state[: client.tear_at.get(number, 0)]
            raise client.faults[number]
        client.visible += pending
        client.state += state
        client.committed = max([client.committed, *offsets.values()])
        client.remark = remark

    def abort(self) -> None:
        self._pending, self._state = [], []

    def close(self) -> None:
        self._client.closed.append("writer")
