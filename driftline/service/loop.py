"""The one service loop: poll → core → outputs, offsets and state committed together → again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from driftline.kafka.interface import (
    Batch,
    Client,
    Fenced,
    KafkaFault,
    Outgoing,
    Rebalance,
    Replaced,
    TopicPartition,
    Writer,
)
from driftline.service.clock import Clock
from driftline.service.core import Core, Stateful, Step
from driftline.service.gather import Gather
from driftline.service.keeper import Keeper
from driftline.service.metrics import LoopMetrics
from driftline.service.recovery import Checkpointing

log = structlog.get_logger()

# Aborted rounds in a row after which the service gives up and lets its supervisor start it afresh. A broker restart
# aborts one or two; ten in a row, with rests of 1, 2, 4 and then 5 s, is a fault that retrying here does not mend.
MOST_ABORTS = 10
REST_AFTER_ABORT = 1.0
LONGEST_REST = 5.0


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a service is to be driven.

    Attributes
    ----------
    checkpoint : for a core with state (`driftline.service.core.Stateful`): where it is committed, and how often. A
        core without state commits every batch.
    """

    group: str
    topics: Sequence[str]
    batch_size: int
    max_wait: float
    tick: float = 1.0
    exclusive: bool = False
    transactional_id: str | None = None
    checkpoint: Checkpointing | None = None


class Tracing(Protocol):
    """Follows records through the loop (see `driftline.tracing`); called on the loop's own thread."""

    def read(self, batches: Sequence[Batch]) -> None:
        """These are processed next; they have their headers."""

    def sending(self, outputs: Sequence[Outgoing]) -> list[Outgoing]:
        """These are committed next; returns them with the headers of those that are followed."""

    def committed(self) -> None:
        """They are."""


@dataclass(slots=True)
class Hooks:
    """What the shell around a core does between two batches, on the loop's own thread.

    Attributes
    ----------
    between : called before every poll: installs what another thread has loaded, copies numbers into metrics.
    open : while false (no model yet), the member stays in its group but its partitions are paused.
    alive : called in every round; the health endpoint reports how long ago that was.
    remarked : called with what earlier owners remarked with their offsets on partitions that are now this member's,
        before any record of them is processed.
    committed : called after every commit, with what the core has made since the one before: all can read it now.
    tracing : None where nothing is followed.
    """

    between: Callable[[], None] = lambda: None
    open: Callable[[], bool] = lambda: True
    alive: Callable[[bool], None] = lambda joined: None
    remarked: Callable[[Mapping[TopicPartition, str]], None] = lambda remarks: None
    committed: Callable[[Sequence[Outgoing]], None] = lambda outputs: None
    tracing: Tracing | None = None


class ServiceLoop:
    """Drives a core. Owns its reader and its writer, and nothing of what the core knows.

    Nothing is in hand between two rounds but the state, outputs and offsets of a core that commits by checkpoints: a
    partition that is taken away takes with it at most one batch or one checkpoint's worth of work, which is abandoned
    at once and done again by the next owner. So a rebalance never waits for this member.
    """

    def __init__(
        self,
        core: Core,
        client: Client,
        settings: LoopSettings,
        clock: Clock,
        metrics: LoopMetrics,
        hooks: Hooks | None = None,
    ) -> None:
        self._core, self._settings, self._clock, self._metrics = core, settings, clock, metrics
        self._hooks = hooks or Hooks()
        self._writer: Writer = client.writer(settings.transactional_id)
        self._reader = client.reader(
            settings.group,
            settings.topics,
            Rebalance(assigned=self._assigned, revoked=self._revoked),
            exclusive=settings.exclusive,
        )
        if self._hooks.tracing is not None:
            self._reader.keep_headers()
        self._gather = Gather(self._reader, clock, settings.batch_size, settings.max_wait)
        self._keeper: Keeper | None = None
        if settings.checkpoint is not None:
            if not isinstance(core, Stateful):
                raise TypeError(f"{type(core).__name__} has no state to checkpoint")
            self._keeper = Keeper(core, client, settings.checkpoint, clock, metrics)
        self._offsets: dict[TopicPartition, int] = {}
        self._outputs: list[Outgoing] = []
        self._new: frozenset[TopicPartition] = frozenset()
        self._paused = False
        self._busy = False
        self._astray = False
        self._ticked = clock.monotonic()
        self._aborts = 0

    def run(self, stop: Callable[[], bool]) -> None:
        """Until `stop()`; then leaves the group and closes. What is in hand when it stops is committed first."""
        try:
            while not stop():
                self.round()
            self._settle()
        finally:
            self._reader.close()
            self._writer.close()

    def round(self) -> None:
        """One turn of the loop: at most one batch, committed when it returns (unless the core is busy, or its state
        was committed a moment ago)."""
        self._hooks.between()
        self._alive()
        self._hold(self._busy or not self._hooks.open())
        started = self._clock.monotonic()
        try:
            if self._astray:
                self._rewind()
            batches = self._gather.next()
            polled = self._clock.monotonic()
            if self._new:
                batches = self._welcome(batches)
            if batches and (self._paused or not self._hooks.open()):
                self._put_back(batches)
            elif batches:
                for batch in batches:
                    self._offsets[(batch.topic, batch.partition)] = batch.next_offset
                if self._hooks.tracing is not None:
                    self._hooks.tracing.read(batches)
                step = self._core.process(batches, self._clock.now_ms())
                self._metrics.batch(batches, polled - started, self._clock.monotonic() - polled)
                self._finish(step)
            if self._clock.monotonic() - self._ticked >= self._settings.tick or self._busy:
                self._tick()
        except (Fenced, KafkaFault) as error:
            self._abort(error)

    def _tick(self) -> None:
        self._ticked = self._clock.monotonic()
        if not self._new:  # a core is not asked for anything before it knows where it stands
            self._finish(self._core.tick(self._clock.now_ms()))
        self._metrics.lag(self._reader.lag())
        for (topic, partition), records in self._reader.skipped().items():
            self._metrics.skipped(topic, records)
            log.error(
                "records were removed by retention before they were read; going on from the oldest",
                topic=topic,
                partition=partition,
                records=records,
            )

    def _welcome(self, batches: list[Batch]) -> list[Batch]:
        """Settle where this member stands on partitions that are new to it, before any record of them is processed."""
        remarks = self._reader.remarks()
        self._hooks.remarked({place: remarks[place] for place in self._new if place in remarks})
        if self._keeper is not None:
            positions = self._keeper.restore(self._reader.committed(), self._alive)
            owned = self._reader.assignment()
            # What came with the assignment was read from the group's offsets; the state has its own.
            back = {(b.topic, b.partition): b.offsets[0] for b in reversed(batches)}
            self._reader.seek({**back, **{place: at for place, at in positions.items() if place in owned}})
            batches = []
        self._new = frozenset()
        return batches

    def _put_back(self, batches: Sequence[Batch]) -> None:
        """Records that came although nothing was asked for: partitions are assigned inside a poll, and it fetches from
        them at once. They are read again when the service opens."""
        self._reader.pause()
        self._paused = True
        self._reader.seek({(b.topic, b.partition): b.offsets[0] for b in reversed(batches)})

    def _finish(self, step: Step) -> None:
        self._busy = step.busy
        self._outputs += [out for out in step.outputs if out.values]
        if step.busy or not (self._outputs or self._offsets):
            return
        if self._keeper is None or self._outputs or self._keeper.due():
            self._commit(step.remark)

    def _commit(self, remark: str) -> None:
        started = self._clock.monotonic()
        tracing = self._hooks.tracing
        for out in self._outputs if tracing is None else tracing.sending(self._outputs):
            self._writer.send(out)
        if self._keeper is not None:
            self._writer.send(self._keeper.records(self._offsets))
        self._writer.commit(self._reader, self._offsets, remark)
        if self._keeper is not None:
            self._keeper.committed()
        self._metrics.committed(self._outputs, self._clock.monotonic() - started)
        self._hooks.committed(self._outputs)
        if tracing is not None:
            tracing.committed()
        self._offsets, self._outputs = {}, []
        self._aborts = 0

    def _settle(self) -> None:
        """Commit what a core with state has in hand, so that its successor need not read it again."""
        if self._busy or self._new or not self._offsets:
            return
        try:
            self._commit("")
        except KafkaFault as error:
            log.warning("the last checkpoint was not committed; its records are read again", error=str(error))

    def _abort(self, error: KafkaFault) -> None:
        """Nothing of this round may count. Start again from what is committed, here or in a new process."""
        self._aborts += 1
        self._metrics.aborted(error)
        log.warning("round aborted", error=str(error), fenced=isinstance(error, Fenced), in_a_row=self._aborts)
        self._offsets, self._outputs = {}, []
        if isinstance(error, Replaced) or self._aborts >= MOST_ABORTS:
            raise error
        self._astray = True
        if not isinstance(error, Fenced) or self._aborts > 1:
            # A member that was expelled learns of it by its next heartbeat: refused again, it has to wait for that.
            self._clock.sleep(min(REST_AFTER_ABORT * 2 ** (self._aborts - 1), LONGEST_REST))

    def _rewind(self) -> None:
        """Before any other record is read: an aborted round that is not rewound would skip its records."""
        self._writer.abort()
        self._reader.rewind()
        self._astray = False
        if self._keeper is not None:
            self._new = self._reader.assignment()

    def _alive(self) -> None:
        self._hooks.alive(bool(self._reader.assignment()))

    def _hold(self, hold: bool) -> None:
        if hold:
            self._reader.pause()  # every round: a rebalance may have brought partitions that fetch by default
        elif self._paused:
            self._reader.resume()
        self._paused = hold

    def _assigned(self, partitions: frozenset[TopicPartition]) -> None:
        log.info("partitions assigned", partitions=_shown(partitions))
        self._new |= partitions
        self._core.assigned(partitions)

    def _revoked(self, partitions: frozenset[TopicPartition]) -> None:
        log.info("partitions revoked", partitions=_shown(partitions))
        self._gather.drop(partitions)
        self._new -= partitions
        for partition in partitions:
            self._offsets.pop(partition, None)
        if self._keeper is not None:
            # Its state is made of all partitions together: without one of them there is nothing left to commit.
            self._offsets, self._outputs = {}, []
            self._new = self._reader.assignment() - partitions
        self._core.revoked(partitions)


def _shown(partitions: frozenset[TopicPartition]) -> str:
    topics: dict[str, list[int]] = {}
    for topic, number in sorted(partitions):
        topics.setdefault(topic, []).append(number)
    return " ".join(f"{topic}[{','.join(map(str, numbers))}]" for topic, numbers in topics.items())
