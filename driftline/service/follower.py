"""Following the model in service: load and warm each new champion beside the old one, on a thread of its own."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Generic, TypeVar

import structlog
from pydantic import ValidationError

from driftline.errors import DriftlineError
from driftline.kafka.interface import Client
from driftline.records.loop import ModelEvent
from driftline.registry.manifest import Champion, Manifest
from driftline.registry.registry import Registry, RegistryError
from driftline.spec.stream import StreamSpec

log = structlog.get_logger()
T = TypeVar("T")

# The event is the nudge and the registry the truth: should an event be lost (a development broker that forgot its
# topics, a compaction gone wrong), the registry is looked at this often all the same.
LOOK_EVERY = 5.0
# One poll of the topic: how long a stop may have to wait for this thread.
POLL = 0.5
RETRY_AFTER = 5.0


class ModelFollower(Generic[T]):
    """Keeps handing over the newest champion, ready to use.

    First load and every later swap are the same code: look at the registry's champion, and if its sequence is newer
    than the one in hand, load it.

    Parameters
    ----------
    load : from a manifest, what the service needs of that version (a warmed scorer, a reference distribution). Runs
        on the follower's thread, so that no record waits for it.
    failed : told of each version that could not be loaded.
    """

    def __init__(
        self,
        spec: StreamSpec,
        client: Client,
        registry: Registry,
        load: Callable[[Manifest], T],
        failed: Callable[[int], None] = lambda version: None,
    ) -> None:
        self._spec, self._client, self._registry, self._load, self._failed = spec, client, registry, load, failed
        self._ready: queue.SimpleQueue[tuple[Champion, T]] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[ModelEvent] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._sequence = 0
        self._refused: tuple[int, str] = (0, "")
        self._thread = threading.Thread(target=self._run, name="model-follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def take(self) -> tuple[Champion, T] | None:
        """The newest champion loaded since the last call, if any; older ones that it overtook are dropped."""
        newest = None
        while not self._ready.empty():
            newest = self._ready.get()
        return newest

    def events(self) -> list[ModelEvent]:
        """Model events seen since the last call, in order."""
        found = []
        while not self._events.empty():
            found.append(self._events.get())
        return found

    def _run(self) -> None:
        self._look()
        looked = time.monotonic()
        while not self._stop.is_set():
            try:
                with closing(self._client.tail([self._spec.topics.model_events])) as tail:
                    while not self._stop.is_set():
                        nudged = False
                        for batch in tail.poll(POLL):
                            for value in batch.values:
                                nudged |= self._note(value)
                        if nudged or not self._sequence or time.monotonic() - looked >= LOOK_EVERY:
                            self._look()
                            looked = time.monotonic()
            except DriftlineError as error:
                log.warning("model events cannot be read", error=str(error))
                self._stop.wait(RETRY_AFTER)
                self._look()

    def _note(self, value: bytes | None) -> bool:
        try:
            event = ModelEvent.from_json(value or b"")
        except ValidationError as error:
            log.warning("not a model event", error=str(error.errors(include_url=False)[0]["msg"]))
            return False
        self._events.put(event)
        return event.kind.changes_champion

    def _look(self) -> None:
        champion: Champion | None = None
        try:
            champion = self._registry.champion()
            if champion is None or champion.sequence <= self._sequence:
                return
            manifest = self._registry.manifest(champion.version)
            if manifest.model_hash != self._spec.model_hash:
                raise RegistryError(
                    f"version {champion.version} was built for another specification (task, classes or features differ)"
                )
            loaded = self._load(manifest)
        except Exception as error:
            # Whatever a damaged file or a missing library raises (ValueError and RuntimeError for a file that is no
            # model, ImportError where TensorFlow is asked for and absent): this thread is needed for the next version.
            complaint = (champion.sequence if champion else 0, str(error))
            if complaint != self._refused:
                self._refused = complaint
                said = str(error) if isinstance(error, DriftlineError) else repr(error)
                log.error("champion cannot be loaded; the one in service stays", error=said)
                self._failed(champion.version if champion else 0)
            return
        self._sequence = champion.sequence
        self._ready.put((champion, loaded))
        log.info("version ready", version=champion.version, sequence=champion.sequence)
