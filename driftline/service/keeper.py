"""Keeps the state of a core with state: when to commit it, and how to become it again."""

from collections.abc import Callable, Mapping

import structlog

from driftline.errors import DriftlineError
from driftline.kafka.interface import Client, KafkaFault, Offsets, Outgoing, TopicPartition
from driftline.service.checkpoint import CheckpointWriter
from driftline.service.clock import Clock
from driftline.service.core import Stateful
from driftline.service.metrics import LoopMetrics
from driftline.service.recovery import Checkpointing, read_checkpoint

log = structlog.get_logger()


class Keeper:
    """Start, takeover and aborted round are one path here: read what is committed, become it."""

    def __init__(
        self, core: Stateful, client: Client, settings: Checkpointing, clock: Clock, metrics: LoopMetrics
    ) -> None:
        self._core, self._client, self._settings, self._clock = core, client, settings, clock
        self._metrics = metrics
        self._writer = CheckpointWriter(settings.topic)
        self._positions: dict[TopicPartition, int] = {}
        self._last = clock.monotonic()
        self._started = 0.0
        self._bytes = 0

    def due(self) -> bool:
        """Whether the last checkpoint is `every` seconds old."""
        return self._clock.monotonic() - self._last >= self._settings.every

    def records(self, offsets: Offsets) -> Outgoing:
        """The checkpoint of the core as it is now, having read up to `offsets`."""
        self._started = self._clock.monotonic()
        self._positions |= offsets
        out = self._writer.records(self._core.snapshot(), self._positions, self._core.account(), self._clock.now_ms())
        self._bytes = sum(len(value) for value in out.values if value is not None)
        return out

    def committed(self) -> None:
        """The checkpoint last made is on the topic."""
        self._last = self._clock.monotonic()
        self._metrics.checkpointed(self._bytes, self._last - self._started)

    def restore(self, committed: Mapping[TopicPartition, int], alive: Callable[[], None]) -> dict[TopicPartition, int]:
        """Make the core what was last committed; returns the positions that belong to it.

        Raises
        ------
        KafkaFault : the state cannot be read.
        """
        started = self._clock.monotonic()
        number = 0
        try:
            fold = read_checkpoint(self._client, self._settings.topic, committed, self._clock, alive)
            number = fold.number
            found = fold.checkpoint()
            self._core.restore(found.parts if found else {})
        except KafkaFault:
            raise
        except DriftlineError as error:
            # Going on without its memory is better than not watching at all, but somebody must learn of it.
            log.error("the state cannot be restored; starting afresh from the group's offsets", error=str(error))
            self._core.restore({})
            self._writer.resume(number, {})
            self._positions = dict(committed)
            self._metrics.restored(0, self._clock.monotonic() - started, whole=False)
            return dict(committed)
        self._writer.resume(fold.number, fold.listed())
        self._positions = found.positions if found else {}
        self._last = self._clock.monotonic()
        seconds = self._last - started
        self._metrics.restored(found.size if found else 0, seconds)
        if found:
            log.info("state restored", checkpoint=found.number, bytes=found.size, seconds=round(seconds, 2))
        return dict(self._positions)
