"""Following the model in service: load and warm each new champion beside the old one, on a thread of its own."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog
from pydantic import ValidationError

from driftline.kafka.interface import Client
from driftline.records.loop import ModelEvent
from driftline.registry.manifest import Champion, Manifest
from driftline.registry.registry import Registry
from driftline.service.champion_watch import ChampionWatch
from driftline.service.listening import listen
from driftline.service.registry_metrics import RegistryMetrics
from driftline.service.sparing import Sparing
from driftline.spec.stream import StreamSpec

log = structlog.get_logger()
T = TypeVar("T")

# Shortest time between two looks at the registry, whatever events arrive or sequences are needed.
REST = 0.2
# Events kept for a service that reads them; of a flood, the newest.
KEPT_EVENTS = 10_000


class ModelFollower(Generic[T]):
    """Keeps handing over the newest champion, ready to use.

    First load and every later swap are the same code: look at the registry's champion, and if its sequence is newer
    than the one in hand, load it (see `driftline.service.champion_watch`). One thread looks and loads; another one
    reads the model events, so that a broker which is away holds up no look, and a slow registry no event.

    Parameters
    ----------
    load : from a manifest, what the service needs of that version (a warmed scorer, a reference distribution). Runs
        on the follower's thread, so that no record waits for it.
    failed : told of each version that could not be loaded.
    metrics : counts failures of the registry and odd events.
    """

    def __init__(
        self,
        spec: StreamSpec,
        client: Client,
        registry: Registry,
        load: Callable[[Manifest], T],
        failed: Callable[[int], None] = lambda version: None,
        metrics: RegistryMetrics | None = None,
    ) -> None:
        self._spec, self._client, self._metrics = spec, client, metrics
        self._odd = Sparing(time.monotonic)
        self._watch = ChampionWatch(spec, registry, load, failed, metrics, self._odd)
        self._ready: queue.SimpleQueue[tuple[Champion, T]] = queue.SimpleQueue()
        self._events: deque[ModelEvent] = deque(maxlen=KEPT_EVENTS)
        self._stop, self._nudged = threading.Event(), threading.Event()
        self._sequence = 0
        self._threads = [
            threading.Thread(target=self._follow, name="model-follower", daemon=True),
            threading.Thread(target=self._listen, name="model-events", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        self._nudged.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5)

    def take(self) -> tuple[Champion, T] | None:
        """The newest champion loaded since the last call, if any; older ones that it overtook are dropped."""
        newest = None
        while not self._ready.empty():
            newest = self._ready.get()
        return newest

    def events(self) -> list[ModelEvent]:
        """Model events seen since the last call, in order."""
        found = []
        while self._events:
            found.append(self._events.popleft())
        return found

    def need(self, sequence: int) -> None:
        """A champion of at least this sequence is needed: look for it at once, and often until it is there.

        Never waits. The champion comes by `take`; while it does not, `trouble` says why.
        """
        if self._watch.need(sequence):
            self._nudged.set()

    @property
    def sequence(self) -> int:
        """Of the newest champion handed over, or waiting in `take`; 0 before the first."""
        return self._sequence

    @property
    def trouble(self) -> str | None:
        """Why the registry's champion, or the one that is needed, cannot be had here; None if all is well.

        The version in service stays while there is trouble: it makes a service unready only where that one may not
        answer.
        """
        return self._watch.trouble

    # -- threads --------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._nudged.clear()
            if (found := self._watch.look()) is not None:
                self._ready.put(found)
                self._sequence = found[0].sequence
            if self._stop.wait(REST):
                return
            self._nudged.wait(max(0.0, self._watch.pause - REST))

    def _listen(self) -> None:
        listen(
            self._client,
            self._spec.topics.model_events,
            self._note,
            self._stop,
            without="model events cannot be read; the registry is looked at all the same",
        )

    def _note(self, value: bytes | None) -> None:
        try:
            event = ModelEvent.from_json(value or b"")
        except ValidationError as error:
            if self._metrics:
                self._metrics.odd_event("malformed")
            if times := self._odd.times("malformed"):
                said = str(error.errors(include_url=False)[0]["msg"])
                log.warning("not a model event", error=said, since_the_last_such_line=times)
            return
        self._events.append(event)
        if event.kind.changes_champion and self._watch.announced(event):
            self._nudged.set()
