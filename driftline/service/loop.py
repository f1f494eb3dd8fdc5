"""The one service loop: poll → core → outputs and offsets committed together → again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from driftline.kafka.interface import Batch, Client, Fenced, KafkaFault, Outgoing, Rebalance, TopicPartition, Writer
from driftline.service.clock import Clock
from driftline.service.core import Core, Step
from driftline.service.gather import Gather
from driftline.service.metrics import LoopMetrics

log = structlog.get_logger()

# Aborted rounds in a row after which the service gives up and lets its supervisor start it afresh. A broker restart
# aborts one or two; ten in a row, each after a second's rest, is a fault that retrying here does not mend.
MOST_ABORTS = 10
REST_AFTER_ABORT = 1.0


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a service is to be driven.

    Attributes
    ----------
    on_abort : what an aborted round means. A core without state reads the round again ('rewind'); a core that has
        already taken it into its state cannot, and ends the process so that it restarts from what was committed.
    """

    group: str
    topics: Sequence[str]
    batch_size: int
    max_wait: float
    tick: float = 1.0
    exclusive: bool = False
    transactional_id: str | None = None
    on_abort: Literal["rewind", "restart"] = "rewind"


@dataclass(slots=True)
class Hooks:
    """What the shell around a core does between two batches, on the loop's own thread.

    Attributes
    ----------
    between : called before every poll: installs what another thread has loaded, copies numbers into metrics.
    open : while false (no model yet), the member stays in its group but its partitions are paused.
    alive : called in every round; the health endpoint reports how long ago that was.
    """

    between: Callable[[], None] = lambda: None
    open: Callable[[], bool] = lambda: True
    alive: Callable[[bool], None] = lambda joined: None


class ServiceLoop:
    """Drives a core. Owns its reader and its writer, and nothing of what the core knows."""

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
        self._gather = Gather(self._reader, clock, settings.batch_size, settings.max_wait)
        self._offsets: dict[TopicPartition, int] = {}
        self._paused = False
        self._busy = False
        self._ticked = clock.monotonic()
        self._aborts = 0

    def run(self, stop: Callable[[], bool]) -> None:
        """Until `stop()`; then leaves the group and closes. What is in hand when it stops is finished first."""
        try:
            while not stop():
                self.round()
        finally:
            self._reader.close()
            self._writer.close()

    def round(self) -> None:
        """One turn of the loop: at most one batch, committed when it returns (unless the core is busy)."""
        self._hooks.between()
        self._hooks.alive(bool(self._reader.assignment()))
        self._hold(self._busy or not self._hooks.open())
        started = self._clock.monotonic()
        try:
            batches = self._gather.next()
            polled = self._clock.monotonic()
            if batches and self._paused:
                self._put_back(batches)
            elif batches:
                for batch in batches:
                    self._offsets[(batch.topic, batch.partition)] = batch.next_offset
                step = self._core.process(batches, self._clock.now_ms())
                self._metrics.batch(batches, polled - started, self._clock.monotonic() - polled)
                self._finish(step)
            if self._clock.monotonic() - self._ticked >= self._settings.tick or self._busy:
                self._ticked = self._clock.monotonic()
                self._finish(self._core.tick(self._clock.now_ms()))
                self._metrics.lag(self._reader.lag())
        except (Fenced, KafkaFault) as error:
            self._abort(error)

    def _put_back(self, batches: Sequence[Batch]) -> None:
        """Records that came although nothing was asked for: partitions are assigned inside a poll, and it fetches from
        them at once. They are read again when the service opens."""
        self._reader.pause()
        self._reader.seek({(b.topic, b.partition): b.offsets[0] for b in reversed(batches)})

    def _finish(self, step: Step) -> None:
        self._busy = step.busy
        if step.busy or not (step.outputs or self._offsets):
            return
        started = self._clock.monotonic()
        for out in step.outputs:
            self._send(out)
        offsets, self._offsets = self._offsets, {}
        self._writer.commit(self._reader, offsets)
        self._aborts = 0
        self._metrics.committed(step.outputs, self._clock.monotonic() - started)

    def _send(self, out: Outgoing) -> None:
        if out.values:
            self._writer.send(out)

    def _abort(self, error: KafkaFault) -> None:
        """Nothing of this round may count. Start again from what is committed, here or in a new process."""
        self._aborts += 1
        self._metrics.aborted(error)
        log.warning("round aborted", error=str(error), fenced=isinstance(error, Fenced), in_a_row=self._aborts)
        self._offsets = {}
        if self._settings.on_abort == "restart" or self._aborts >= MOST_ABORTS:
            raise error
        try:
            self._writer.abort()
            self._reader.rewind()
        except KafkaFault as second:
            # An aborted round that cannot be rewound would skip its records: a new process reads them again.
            raise second from error
        if not isinstance(error, Fenced):
            self._clock.sleep(REST_AFTER_ABORT)

    def _hold(self, hold: bool) -> None:
        if hold:
            self._reader.pause()  # every round: a rebalance may have brought partitions that fetch by default
        elif self._paused:
            self._reader.resume()
        self._paused = hold

    def _assigned(self, partitions: frozenset[TopicPartition]) -> None:
        log.info("partitions assigned", partitions=_shown(partitions))
        self._core.assigned(partitions)

    def _revoked(self, partitions: frozenset[TopicPartition]) -> None:
        log.info("partitions revoked", partitions=_shown(partitions))
        self._gather.drop(partitions)
        for partition in partitions:
            self._offsets.pop(partition, None)
        self._core.revoked(partitions)


def _shown(partitions: frozenset[TopicPartition]) -> str:
    topics: dict[str, list[int]] = {}
    for topic, number in sorted(partitions):
        topics.setdefault(topic, []).append(number)
    return " ".join(f"{topic}[{','.join(map(str, numbers))}]" for topic, numbers in topics.items())
