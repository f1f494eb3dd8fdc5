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
    committed: int = 0
    commits: int = 0
    closed: list[str] = field(default_factory=list)
    name: str = "scripted"

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> "ScriptedReader":
        return ScriptedReader(self, rebalance)

    def writer(self, transactional_id: str | None = None) -> "ScriptedWriter":
        return ScriptedWriter(self)


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

    def assignment(self) -> frozenset[TopicPartition]:
        return self._owned

    def pause(self, partitions: object = None) -> None:
        self.paused = True

    def resume(self, partitions: object = None) -> None:
        self.paused = False

    def seek(self, offsets: Offsets) -> None:
        self.position = offsets[("t", 0)]

    def rewind(self) -> None:
        self.position = self._client.committed

    def lag(self) -> dict[TopicPartition, int]:
        return {("t", 0): len(self._client.log) - self.position}

    def close(self) -> None:
        self._client.closed.append("reader")


class ScriptedWriter:
    def __init__(self, client: ScriptedClient) -> None:
        self._client = client
        self._pending: list[tuple[str, bytes | None]] = []

    def send(self, out: Outgoing) -> None:
        self._pending += [(out.topic, value) for value in out.values]

    def commit(self, reader: Reader | None, offsets: Offsets) -> None:
        client = self._client
        number, client.commits = client.commits, client.commits + 1
        if number in client.faults:
            self._pending = []
            raise client.faults[number]
        client.visible += self._pending
        client.committed = max([client.committed, *offsets.values()])
        self._pending = []

    def abort(self) -> None:
        self._pending = []

    def close(self) -> None:
        self._client.closed.append("writer")
