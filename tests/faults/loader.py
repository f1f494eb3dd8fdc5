"""Puts a world's records and labels on the stream, at a pace, from a thread of its own."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Producer

from tests.faults.world import CLASSES, World, invalid_values

_SLICE = 0.05
"""Seconds between two bursts: short enough to be a stream, long enough to cost nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """How fast to send, and how well.

    Attributes
    ----------
    rate : records a second, until it is stopped.
    invalid : share of records that are invalid on purpose.
    unlabelled, twice : shares of the labels that never come, and that come twice, the second time contradicting.
    early : share of the labels that come before their records.
    delay : records after which the other labels come, at most.
    """

    rate: float
    invalid: float = 0.01
    unlabelled: float = 0.05
    twice: float = 0.03
    early: float = 0.02
    delay: int = 1_500
    devices: int = 40


class Loader:
    """Sends a load; after `stop`, `wait` ends when all of it is acknowledged.

    Everything but the moment of sending follows from the seed. Records that are to be buried say so in a header, for
    the checker; the services do not look at it.
    """

    def __init__(self, bootstrap: str, stream: str, load: Load, world: World) -> None:
        self._stream, self._load, self._world = stream, load, world
        self._random = random.Random(world.seed)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 10,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": 120_000,
                "log_level": 0,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._late: list[tuple[int, str, str, int]] = []
        self._bad = invalid_values(int(time.time() * 1_000))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        self.sent = 0
        self.refused = 0
        """Records that the broker did not take: the run is worth nothing if there are any."""

    def start(self) -> None:
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Send no more; what was sent is still acknowledged, and its labels still come."""
        self._stop.set()

    def wait(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            due = int((time.monotonic() - began) * self._load.rate) + 1
            if due > self.sent:
                self._send(due - self.sent)
            self._producer.poll(0)
            time.sleep(_SLICE)
        self._send_labels(until=None)
        self.refused += self._producer.flush(180)

    def _send(self, count: int) -> None:
        load, draw = self._load, self._random.random
        values, truth = self._world.draw(count)
        now = int(time.time() * 1_000)
        for number, row, klass in zip(itertools.count(self.sent), values.tolist(), truth.tolist(), strict=False):
            device = f"unit-{number % load.devices}"
            if draw() < load.invalid:
                self._put("features", next(self._bad), device, [("expect", b"dead-letter")])
                continue
            record, label = f"{self._world.seed}-{number}", draw()
            if label < load.early:
                self._put_label(record, device, klass)
            elif label < 1 - load.unlabelled:
                heapq.heappush(self._late, (number + self._random.randrange(1, load.delay), record, device, klass))
            features = ",".join(map(str, row))
            self._put(
                "features",
                f'{{"schema_version":1,"record_id":"{record}","device_id":"{device}","event_time":{now},'
                f'"features":[{features}]}}'.encode(),
                device,
            )
        self.sent += count
        self._send_labels(until=self.sent)

    def _send_labels(self, until: int | None) -> None:
        while self._late and (until is None or self._late[0][0] <= until):
            due, record, device, klass = heapq.heappop(self._late)
            if klass < 0:
                self._put_label(record, device, -klass - 1)
                continue
            self._put_label(record, device, klass)
            if self._random.random() < self._load.twice:
                again = due + self._random.randrange(1, self._load.delay)
                heapq.heappush(self._late, (again, record, device, -(1 - klass) - 1))

    def _put_label(self, record: str, device: str, klass: int) -> None:
        now = int(time.time() * 1_000)
        value = (
            f'{{"schema_version":1,"record_id":"{record}","device_id":"{device}","label":"{CLASSES[klass]}",'
            f'"labelled_at":{now}}}'
        )
        self._put("labels", value.encode(), device)

    def _put(self, topic: str, value: bytes | None, device: str, headers: Any = None) -> None:
        while True:
            try:
                self._producer.produce(
                    f"{self._stream}.{topic}", value, device.encode(), headers=headers, on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self.refused += 1
