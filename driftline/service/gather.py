"""Micro-batches: by size or by waiting time, whichever comes first."""

from driftline.kafka.interface import Batch, Reader, TopicPartition
from driftline.service.clock import Clock


class Gather:
    """Collects polls into one batch for the core.

    Parameters
    ----------
    size : most records of a batch.
    wait : longest the first record of a batch waits for company, seconds.
    idle : longest a poll waits when there is nothing at all, seconds: how soon a stop or a swap is noticed.
    """

    def __init__(self, reader: Reader, clock: Clock, size: int, wait: float, idle: float = 0.05) -> None:
        self._reader, self._clock = reader, clock
        self._size, self._wait, self._idle = size, wait, idle
        self._held: list[Batch] = []

    def next(self) -> list[Batch]:
        """The next batch; empty if nothing came within `idle` seconds."""
        self._held = self._reader.poll(self._idle, self._size)
        count = sum(map(len, self._held))
        if count:
            deadline = self._clock.monotonic() + self._wait
            while count < self._size and (left := deadline - self._clock.monotonic()) > 0:
                more = self._reader.poll(left, self._size - count)
                self._held += more
                count += sum(map(len, more))
        held, self._held = self._held, []
        return held

    def drop(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget what was gathered of partitions that were just taken away: it is another member's to answer."""
        self._held = [b for b in self._held if (b.topic, b.partition) not in partitions]
