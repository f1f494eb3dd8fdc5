"""A clock turned by hand, and a Kafka writer that remembers; both with a will of their own where a test asks."""

from collections.abc import Callable, Iterator

from driftline.kafka.interface import Offsets, Outgoing, Reader


class HandClock:
    """Time passes only by `sleep` and `pass_time`; each sleep is late by the next of `oversleep` seconds."""

    def __init__(self, start: float = 1_700_000_000.0, oversleep: Iterator[float] | None = None) -> None:
        self.time = start
        self._oversleep = oversleep or iter(())

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds + next(self._oversleep, 0.0)

    def pass_time(self, seconds: float) -> None:
        self.time += seconds


class KeptWriter:
    """Keeps what was sent, in order, with the time, and which of it was committed."""

    def __init__(self, clock: HandClock, on_send: Callable[[], None] = lambda: None) -> None:
        self.sent: list[tuple[float, Outgoing]] = []
        self.committed = 0
        self._clock = clock
        self._on_send = on_send

    def send(self, out: Outgoing) -> None:
        self.sent.append((self._clock.now(), out))
        self._on_send()

    def commit(self, reader: Reader | None, offsets: Offsets) -> None:
        assert reader is None
        self.committed = len(self.sent)

    def abort(self) -> None:
        del self.sent[self.committed :]

    def close(self) -> None: ...

    def values(self, topic: str) -> list[bytes]:
        return [value for _, out in self.sent if out.topic == topic for value in out.values if value is not None]
