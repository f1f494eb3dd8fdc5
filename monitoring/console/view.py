"""The console's core: records of all topics in, the sections of a page out, in bounded memory."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftline.kafka.interface import Batch
from driftline.registry.manifest import Manifest
from driftline.registry.reference import Reference
from driftline.spec.stream import StreamSpec
from driftline.wire.features import FeatureDecoder
from monitoring.console.accuracy import AccuracyLine, Estimate
from monitoring.console.happenings import Happenings
from monitoring.console.heat import Heat
from monitoring.console.letters import Letters
from monitoring.console.outcomes import Joined, OutcomeJoin
from monitoring.console.pulse import Pulse
from monitoring.console.versions import versions_shown

# Features named in the live state, most drifted first.
HOTTEST = 12
_RECORD_FIELDS = ("record_id", "device_id", "event_time", "features", "schema_version")


class View:
    """Folds what is read into what is shown.

    Attributes
    ----------
    read : topic and partition → next offset to read.

    Every section has a number that changes with it (`sections`), so that only what changed is sent.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._decoder = FeatureDecoder(spec)
        self.happened = Happenings(spec.topics)
        places = {*_RECORD_FIELDS, *(feature.name for feature in spec.features)}
        self.letters = Letters(frozenset(places | {f"features.{feature.name}" for feature in spec.features}))
        self.outcomes = OutcomeJoin(spec)
        self.heat: Heat | None = None
        self.accuracy = AccuracyLine(spec.monitoring.accuracy_window)
        self.read: dict[tuple[str, int], int] = {}
        self.pulse = Pulse()
        self._now = 0
        self._registry: dict[str, Any] = {"champion": None, "versions": [], "trouble": ""}
        self._services: list[dict[str, Any]] = []
        self._cluster = {"ok": False, "message": "connecting"}
        self._numbers = {"head": 0, "line": 0, "heat": 0, "registry": 0, "services": 0, "letters": 0}

    # -- in -------------------------------------------------------------------------------------------------------

    def take(self, batches: Sequence[Batch], now_ms: int) -> None:
        """Take batches of any of the stream's topics, in any order."""
        topics = self._spec.topics
        for batch in batches:
            if not len(batch):
                continue
            if batch.topic == topics.features:
                self._features(batch, now_ms)
            elif batch.topic == topics.predictions:
                self.pulse.came("answers", batch)
                self._outcomes(list(self.outcomes.predictions(batch)))
                self._answered(self.outcomes.answered)
            elif batch.topic == topics.labels:
                self.pulse.came("labels", batch)
                self._outcomes(list(self.outcomes.labels(batch)))
            elif batch.topic == topics.dead_letters:
                self.pulse.came("letters", batch)
                self.letters.take(batch)
                self._answered(self.letters.refused)
                self._changed("letters")
            elif batch.topic in (topics.drift_events, topics.retraining_jobs, topics.model_events, topics.audit):
                self.happened.take(batch)
                self._changed("line")
        if batches:
            self._changed("head")

    def tick(self, now_ms: int) -> None:
        """Time passes: rates fall when nothing comes."""
        self._now = now_ms
        self.pulse.tick(now_ms)
        self._changed("head")

    def follow(self, version: int, reference: Reference) -> None:
        """This version is in service, and this is what it was trained on."""
        self.heat = Heat(self._spec, version, reference, self.heat)
        self._changed("heat")

    def skipped(self, records: int) -> None:
        """So many records were passed over, because reading could not keep up."""
        self.pulse.totals["skipped"] += records

    def estimated(self, estimate: Estimate | None, now_ms: int) -> None:
        """The monitor's estimate of the accuracy, where it makes one."""
        self.accuracy.estimated(estimate, now_ms)
        if estimate is not None:
            self._changed("line")

    def cluster(self, ok: bool, message: str = "") -> None:
        """Whether the stream's Kafka can be read, and why not."""
        if self._cluster != (now := {"ok": ok, "message": message}):
            self._cluster = now
            self._changed("head")

    def services(self, found: list[dict[str, Any]]) -> None:
        """What the services say of themselves."""
        if found != self._services:
            self._services = found
            self._changed("services")

    def registry(self, champion: int | None, previous: int | None, manifests: Sequence[Manifest], trouble: str) -> None:
        """The versions there are."""
        shown = versions_shown(champion, previous, manifests, trouble)
        if shown != self._registry:
            self._registry = shown
            self._changed("registry")

    # -- out ------------------------------------------------------------------------------------------------------

    def sections(self) -> dict[str, str]:
        """Each section with what changes when it does."""
        events, jobs, acts = (self.happened.changed[name] for name in ("events", "jobs", "acts"))
        return {name: str(number) for name, number in self._numbers.items()} | {
            "events": str(events),
            "jobs": f"{jobs}",
            "acts": str(acts),
        }

    def section(self, name: str) -> Mapping[str, Any]:
        """What the page needs of a section."""
        return getattr(self, f"_show_{name}")()  # type: ignore[no-any-return]

    # -- sections -------------------------------------------------------------------------------------------------

    def _show_head(self) -> dict[str, Any]:
        spec = self._spec
        return {
            "stream": spec.stream,
            "task": spec.task,
            "features": len(spec.features),
            "classes": len(spec.classes),
            "cluster": self._cluster,
            "totals": self.pulse.totals,
            "rates": self.pulse.rates(),
            "newest": self.pulse.newest,
            "behind": self.pulse.behind,
            "now": self._now,
            "accuracy": self.accuracy.now,
            "window": self.accuracy.window,
            "estimate": self.accuracy.estimate and self.accuracy.estimate._asdict(),
            "answering": self.outcomes.answering,
            "paused": None
            if self.happened.paused is None
            else self.happened.paused.model_dump(include={"actor", "at", "note"}),
        }

    def _show_line(self) -> dict[str, Any]:
        return {**self.accuracy.shown(), "marks": self.happened.marks(), "pauses": list(self.happened.pauses)}

    def _show_heat(self) -> dict[str, Any]:
        heat = self.heat
        if heat is None:
            return {"names": 0}
        hottest = np.argsort(-heat.psi, kind="stable")[:HOTTEST]
        return {
            "names": len(heat.names),
            "version": heat.version,
            "revision": heat.timeline.revision,
            "count": heat.timeline.count,
            "start": heat.timeline.start,
            "width": heat.timeline.width_ms,
            "drifted": int((heat.psi >= self._spec.monitoring.data.minimum_psi).sum()),
            "threshold": self._spec.monitoring.data.minimum_psi,
            "hottest": [[heat.names[i], round(float(heat.psi[i]), 3)] for i in hottest],
            "now": base64.b64encode(heat.now()).decode(),
            "newest": base64.b64encode(heat.cells(2)).decode(),
        }

    def _show_registry(self) -> dict[str, Any]:
        return self._registry

    def _show_services(self) -> dict[str, Any]:
        return {"services": self._services}

    def _show_letters(self) -> dict[str, Any]:
        return self.letters.shown()

    def _show_events(self) -> dict[str, Any]:
        return {"total": len(self.happened.events), "newest": self.happened.page()}

    def _show_jobs(self) -> dict[str, Any]:
        return {"total": len(self.happened.jobs), "jobs": self.happened.job_list()}

    def _show_acts(self) -> dict[str, Any]:
        return {"acts": self.happened.audit()}

    # -- inside ---------------------------------------------------------------------------------------------------

    def _features(self, batch: Batch, now_ms: int) -> None:
        self.pulse.came("records", batch)
        self.accuracy.records(batch)
        self._changed("line")
        if self.heat is None:
            return
        if (extra := len(batch) - 8 * self.heat.rows) > 0:
            batch = Batch(
                batch.topic,
                batch.partition,
                batch.offsets[extra:],
                batch.timestamps[extra:],
                batch.keys[extra:],
                batch.values[extra:],
            )
        decoded = self._decoder.decode([batch], now_ms)
        written = dict(zip(batch.offsets, batch.timestamps, strict=True))
        self.heat.take(decoded, np.array([written[offset] for offset in decoded.offsets.tolist()], dtype=np.int64))
        self._changed("heat")

    def _outcomes(self, joined: list[Joined]) -> None:
        self.accuracy.outcomes(joined)
        self.pulse.totals["outcomes"] += len(joined)
        if joined:
            self._changed("line")

    def _answered(self, newest: Mapping[int, int]) -> None:
        for partition, offset in newest.items():
            self.pulse.answered(partition, offset)

    def _changed(self, section: str) -> None:
        self._numbers[section] += 1
