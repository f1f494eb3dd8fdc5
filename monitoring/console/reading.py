"""What feeds the console: the stream's topics, the registry and the services, each on a thread of its own."""

import math
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import structlog

from driftline.errors import DriftlineError
from driftline.kafka.connect import connect, topic_requests
from driftline.kafka.interface import Client, Tail, TopicPartition
from driftline.registry.manifest import Manifest
from driftline.registry.reference import Reference
from driftline.service.champion_watch import ChampionWatch
from driftline.service.sparing import Sparing
from driftline.watch.scrape import Look, look
from monitoring.console.accuracy import Estimate
from monitoring.console.app import Console

log = structlog.get_logger()

POLL = 0.2
# Records of each partition that a console that starts reads back, so that its first picture is not empty.
BACKLOG = 4_000
# Records a console may be behind before it passes them over: it shows the present or nothing of use.
MOST_BEHIND = 100_000
LOOK_BEHIND_EVERY = 5.0
LOOK_EVERY = 1.5
RETRY_AFTER = 2.0
_ESTIMATE = "driftline_monitor_estimated_accuracy"


class TopicReading:
    """Reads all topics of the stream into the view; begins again whenever the broker comes back."""

    def __init__(self, console: Console, stop: threading.Event) -> None:
        self._console, self._stop = console, stop
        self._spec = console.workspace.spec

    def run(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                client = connect(self._console.workspace.endpoint("driftline-console"))
                with closing(client):
                    client.ensure_topics(topic_requests(self._spec))
                    self._read(client)
            except Exception as error:
                # The page stays up and says what is wrong, whatever a client library raises.
                complaint = str(error) if isinstance(error, DriftlineError) else repr(error)
                if complaint != said:
                    log.warning("the topics cannot be read", error=complaint)
                said = complaint
                with self._console.lock:
                    self._console.view.cluster(False, complaint)
                self._stop.wait(RETRY_AFTER)

    def _read(self, client: Client) -> None:
        topics, view, lock = self._spec.topics, self._console.view, self._console.lock
        told = [topics.drift_events, topics.retraining_jobs, topics.model_events, topics.audit]
        data = [topics.features, topics.predictions, topics.labels, topics.dead_letters]
        starts = {}
        for place, end in _ends(client, data).items():
            # After a broker's absence: from where it was read to, if the topic still is the one that was read.
            known = view.read.get(place, 0)
            starts[place] = max(end - BACKLOG, known if known <= end else 0, 0)
        with closing(client.tail(told)) as happened:
            records = client.tail(data, start=starts)
            try:
                looked = time.monotonic()
                while not self._stop.is_set():
                    batches = [*happened.poll(0.0), *records.poll(POLL)]
                    now = time.time_ns() // 1_000_000
                    with lock:
                        view.cluster(True)
                        view.take(batches, now)
                        view.tick(now)
                        for batch in batches:
                            view.read[(batch.topic, batch.partition)] = batch.next_offset
                    if time.monotonic() - looked > LOOK_BEHIND_EVERY:
                        looked = time.monotonic()
                        if (behind := _behind(records)) > MOST_BEHIND:
                            records.close()
                            records = client.tail(data, from_end=True)
                            with lock:
                                view.skipped(behind)
            finally:
                records.close()


class Surroundings:
    """Looks at the registry and at the services: those on this machine, and those named.

    Parameters
    ----------
    named : name → address of services that leave no note on this machine, because they run elsewhere.
    """

    def __init__(self, console: Console, stop: threading.Event, named: Mapping[str, str]) -> None:
        self._console, self._stop, self._named = console, stop, named
        workspace = console.workspace
        self._manifests: dict[int, Manifest] = {}

        def load(manifest: Manifest) -> Reference:
            return workspace.registry.reference(manifest.version)

        self._watch = ChampionWatch(
            workspace.spec, workspace.registry, load, lambda version: None, None, Sparing(time.monotonic)
        )

    def run(self) -> None:
        while not self._stop.is_set():
            for step in (self._registry, self._services):
                try:
                    step()
                except Exception:
                    log.exception("a look around failed")
            self._stop.wait(LOOK_EVERY)

    def _registry(self) -> None:
        registry, view = self._console.workspace.registry, self._console.view
        if (found := self._watch.look()) is not None:
            champion, reference = found
            with self._console.lock:
                view.follow(champion.version, reference)
        trouble = self._watch.trouble or ""
        try:
            versions = registry.versions()
            self._manifests = {v: self._manifests.get(v) or registry.manifest(v) for v in versions}
            in_service = registry.champion()
        except DriftlineError as error:
            trouble, in_service = str(error), None
        with self._console.lock:
            view.registry(
                in_service.version if in_service else None,
                in_service.previous_version if in_service else None,
                [self._manifests[v] for v in sorted(self._manifests)],
                trouble,
            )

    def _services(self) -> None:
        notes = {name: note["url"] for name, note in self._console.workspace.service_notes().items()}
        found = {**notes, **self._named}
        looks = [look(name, url) for name, url in found.items() if not name.startswith("console")]
        estimates = [value for one in looks for value in [_estimate(one)] if value is not None]
        with self._console.lock:
            self._console.view.services([_service(one) for one in looks])
            self._console.view.estimated(estimates[0] if estimates else None, time.time_ns() // 1_000_000)


def _service(one: Look) -> dict[str, Any]:
    return {
        "name": one.instance,
        "ready": one.ready,
        "message": one.message,
        "read": int(one.total("driftline_records_read_total")),
        "lag": int(one.total("driftline_lag_records")),
        "job": one.detail.get("job"),
        "progress": one.detail.get("progress") or {},
        "log": one.detail.get("log") or [],
    }


def _estimate(one: Look) -> Estimate | None:
    """The monitor's estimate of the accuracy; None from who makes none."""
    accuracy = one.value(f"{_ESTIMATE}_ratio")
    if accuracy is None or math.isnan(accuracy):
        return None
    bounds = one.samples.get(f"{_ESTIMATE}_bound_ratio", {})
    low, high = (bounds.get((("bound", bound),), math.nan) for bound in ("low", "high"))
    known = not math.isnan(low + high)
    return Estimate(accuracy, low if known else None, high if known else None)


def _ends(client: Client, topics: list[str]) -> dict[TopicPartition, int]:
    with closing(client.tail(topics, from_end=True)) as tail:
        return tail.positions()


def _behind(tail: Tail) -> int:
    ends, positions = tail.ends(), tail.positions()
    return sum(max(end - positions.get(place, end), 0) for place, end in ends.items())
