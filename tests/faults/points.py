"""Where a process can be made to die: a client around the real one that kills its own process at a named point."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from driftline.kafka.interface import NO_REBALANCE, Batch, Client, Offsets, Outgoing, Reader, Rebalance

LOOP_POINTS = (
    "before-poll",
    "after-poll",
    "before-send",
    "after-send",
    "before-commit",
    "inside-commit",
    "after-commit",
    "on-assigned",
)
TRAINER_POINTS = ("after-child-started", "before-champion-set", "after-champion-set-before-verdict")


class Trigger:
    """Kills this process with SIGKILL when `point` is passed for the `number`-th time."""

    def __init__(self, point: str, number: int) -> None:
        if point and point not in (*LOOP_POINTS, *TRAINER_POINTS):
            raise SystemExit(f"--fault: no point {point!r}; there are {', '.join((*LOOP_POINTS, *TRAINER_POINTS))}")
        self._point, self._number = point, number
        self._passed: Counter[str] = Counter()

    @classmethod
    def parse(cls, text: str) -> Trigger:
        """From POINT:N; from '', one that never fires."""
        point, _, number = text.partition(":")
        return cls(point, int(number or 1))

    def __call__(self, point: str) -> None:
        self._passed[point] += 1
        if point == self._point and self._passed[point] >= self._number:
            os.kill(os.getpid(), signal.SIGKILL)


class _Around:
    """Passes on everything that it does not change."""

    def __init__(self, inner: Any, trigger: Trigger) -> None:
        self.inner, self.trigger = inner, trigger

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class FaultyReader(_Around):
    """Points around `poll`. Only polls that bring records count as passed: idle ones are not worth dying for."""

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        self.trigger("before-poll")
        batches: list[Batch] = self.inner.poll(timeout, max_records)
        if batches:
            self.trigger("after-poll")
        return batches


class _Ending(_Around):
    """A client library's producer; offsets and outputs have been sent when its transaction is to be ended."""

    def commit_transaction(self, *arguments: Any, **settings: Any) -> Any:
        self.inner.flush(10)
        self.trigger("inside-commit")
        return self.inner.commit_transaction(*arguments, **settings)


class FaultyWriter(_Around):
    """Points around `send` and `commit`, and one inside it."""

    def send(self, out: Outgoing) -> None:
        self.trigger("before-send")
        self.inner.send(out)
        self.trigger("after-send")

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        self.trigger("before-commit")
        self._reach_inside()
        self.inner.commit(plain(reader), offsets, remark)
        self.trigger("after-commit")

    def _reach_inside(self) -> None:
        """Anew each time: a writer may make a new producer after a fault."""
        for name in [*getattr(self.inner, "__dict__", ()), *getattr(type(self.inner), "__slots__", ())]:
            value = getattr(self.inner, name, None)
            if type(value).__module__.startswith("kafka.") or isinstance(value, _Ending):
                continue
            if hasattr(value, "commit_transaction"):
                setattr(self.inner, name, _Ending(value, self.trigger))


class FaultyClient(_Around):
    """A client whose readers and writers have points. `reader_kind` and `writer_kind` let a broken loop use its own."""

    reader_kind: Callable[..., Any] = FaultyReader
    writer_kind: Callable[..., Any] = FaultyWriter

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> Any:
        def assigned(partitions: Any) -> None:
            self.trigger("on-assigned")
            rebalance.assigned(partitions)

        inner = self.inner.reader(group, topics, replace(rebalance, assigned=assigned), exclusive=exclusive)
        return type(self).reader_kind(inner, self.trigger)

    def writer(self, transactional_id: str | None = None) -> Any:
        return type(self).writer_kind(self.inner.writer(transactional_id), self.trigger)


def plain(reader: Any) -> Any:
    """The client's own reader, which its writer must be given."""
    return reader.inner if isinstance(reader, _Around) else reader


def install(client: type[FaultyClient], trigger: Trigger) -> None:
    """Let services of this process connect through `client`, and the trainer pass its own points."""
    from driftline.registry.registry import Registry
    from driftline.service import runtime

    connect = runtime.connect

    def faulty(*arguments: Any, **settings: Any) -> Client:
        return client(connect(*arguments, **settings), trigger)  # type: ignore[return-value]

    runtime.connect = faulty
    set_champion = Registry.set_champion

    def setting(self: Registry, *arguments: Any, **settings: Any) -> Any:
        trigger("before-champion-set")
        event = set_champion(self, *arguments, **settings)
        trigger("after-champion-set-before-verdict")
        return event

    Registry.set_champion = setting  # type: ignore[method-assign]
    _reach_into_kafka_python(trigger)


def _reach_into_kafka_python(trigger: Trigger) -> None:
    """Its writer ends a transaction by a function of its own; librdkafka's is reached by `FaultyWriter`."""
    from driftline.kafka.kafka_python import internals

    commit_transaction = internals.commit_transaction

    def ending(producer: Any, *arguments: Any) -> None:
        producer.flush(10)
        trigger("inside-commit")
        commit_transaction(producer, *arguments)

    internals.commit_transaction = ending


def install_in_trainer(trigger: Trigger) -> None:
    """The point after a training process was asked; apart, because only the trainer may import its room."""
    from training.child import TrainingChild

    start = TrainingChild.start

    def starting(self: TrainingChild, *arguments: Any, **settings: Any) -> None:
        start(self, *arguments, **settings)
        trigger("after-child-started")

    TrainingChild.start = starting  # type: ignore[method-assign]


__all__ = [
    "LOOP_POINTS",
    "TRAINER_POINTS",
    "FaultyClient",
    "FaultyReader",
    "FaultyWriter",
    "Trigger",
    "install",
    "install_in_trainer",
    "plain",
]
