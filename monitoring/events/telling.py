"""From findings to records of drift events: what is opened, looked at again and closed."""

from dataclasses import replace
from typing import Any

from driftline.records.loop import DriftEvent, DriftKind, Position
from driftline.spec.stream import StreamSpec
from monitoring.concept.finding import ConceptFinding
from monitoring.distribution.block import Start
from monitoring.distribution.stretch import BlockFinding, Current
from monitoring.events.dossier import Dossier
from monitoring.events.exhibits import around_onset, exhibited
from monitoring.events.records import concept_event, distribution_event
from monitoring.labels.history import Moment, Place
from monitoring.memory import Memory
from monitoring.watch import Watch

# What may change in an event's life; the rest stays as its first record has it.
_CHANGING = (
    "severity",
    "onset",
    "evidence",
    "answer",
    "features",
    "classes",
    "devices",
    "segments",
    "shape",
    "cause",
    "summary",
)


class Telling:
    """Makes the records of one round.

    Parameters
    ----------
    spec : the stream.
    memory : what the monitor remembers; the life of the events is part of it.
    now_ms : the present, epoch ms.
    """

    def __init__(self, spec: StreamSpec, memory: Memory, now_ms: int) -> None:
        self._spec, self._memory, self._now_ms = spec, memory, now_ms

    def concept(self, watch: Watch, finding: ConceptFinding) -> list[DriftEvent]:
        """A rise of the error rate was found, or one that stands has grown."""
        kind = DriftKind.CONCEPT
        identity = watch.events.get(kind) if finding.escalated else None
        closed = [] if identity else self._closed(watch, kind)
        known = watch.lifecycle.of(kind)
        place = self._memory.history.place(finding.onset, *self._memory.ends_of_both())
        fields = self._dossier(watch).concept(finding, known, course=True)
        event = self._concept_event(watch, finding, place, fields, identity)
        watch.told(kind, event.event_id, finding.onset)
        if known is not None:
            grown = watch.lifecycle.revised(kind, _changing(event), watch.seen(kind), self._now_ms)
            return [self._exhibited(watch, grown)] if grown else []
        if identity:
            event = event.model_copy(update={"state": "updated", "revision": 1, "grown": True})
        event = self._exhibited(watch, event)
        watch.lifecycle.open(event, watch.seen(kind))
        return [*closed, event]

    def distribution(self, watch: Watch, kind: DriftKind, finding: BlockFinding) -> list[DriftEvent]:
        """A distribution has changed."""
        closed = self._closed(watch, kind)
        fields = self._dossier(watch).distribution(kind, finding, None, course=True)
        event = self._distribution_event(watch, kind, finding, fields)
        watch.told(kind, event.event_id, Moment(finding.onset.event_time))
        event = self._exhibited(watch, event, finding.window)
        watch.lifecycle.open(event, watch.seen(kind))
        if kind is DriftKind.DATA:
            watch.past.see(finding.window.counts)
        return [*closed, event]

    def later(self, watch: Watch) -> list[DriftEvent]:
        """What has become of the events that stand: those that are over, and those of which there is news."""
        said: list[DriftEvent] = []
        standing = watch.standing
        for kind in watch.lifecycle.kinds:
            if not standing[kind]:
                said += self._closed(watch, kind)
            elif watch.lifecycle.due(kind, watch.seen(kind)):
                said += self._look(watch, kind)
        return said

    def waiting(self) -> list[DriftEvent]:
        """The last records of events that ended with their version."""
        closings, self._memory.closings = self._memory.closings, []
        return [event.model_copy(update={"told_at": self._now_ms}) for event in closings]

    def _closed(self, watch: Watch, kind: DriftKind) -> list[DriftEvent]:
        event = watch.lifecycle.close(kind, "recovered")
        if event is None:
            return []
        event = around_onset(event, watch, self._spec.classes)
        if kind is DriftKind.DATA:
            watch.past.over()
        if kind is DriftKind.CONCEPT:
            watch.past_errors.over()
            # As in `monitoring.concept.monitor`: what came since the recovery is the new normal.
            watch.casebook.first = watch.casebook.total - max(self._spec.monitoring.policy.cool_down_records, 100)
        return [event.model_copy(update={"told_at": self._now_ms})]

    def _look(self, watch: Watch, kind: DriftKind) -> list[DriftEvent]:
        known = watch.lifecycle.of(kind)
        if known is None:
            return []
        seen = watch.seen(kind)
        course = watch.lifecycle.may_tell(kind, seen) and watch.lifecycle.young(kind, seen)
        event = (
            self._concept_now(watch, known, course=course)
            if kind is DriftKind.CONCEPT
            else self._distribution_now(watch, kind, known, course=course)
        )
        if event is None:
            return []
        revised = watch.lifecycle.revised(kind, _changing(event), watch.seen(kind), self._now_ms)
        return [self._exhibited(watch, revised)] if revised is not None else []

    def _concept_now(self, watch: Watch, known: DriftEvent, *, course: bool) -> DriftEvent | None:
        standing, dossier = watch.concept.standing, self._dossier(watch)
        if standing is None:
            return None
        onset = watch.onsets.get(known.event_id, standing.onset)
        finding = dossier.now(replace(standing, onset=onset))
        place = Place(
            known.onset.record_id, known.onset.event_time, finding.labelled, known.onset.features, known.onset.labels
        )
        fields = dossier.concept(finding, known, course=course)
        if known.cause == "sensor" and fields["cause"] == "world":
            finding = dossier.now(dossier.moved_on(finding, known))
            place = self._memory.history.place(finding.onset, *self._memory.ends_of_both())
            # A cause that is another is always told, so the event and its onset stay one.
            watch.told(DriftKind.CONCEPT, known.event_id, finding.onset)
        return self._concept_event(watch, finding, place, fields, known.event_id)

    def _distribution_now(self, watch: Watch, kind: DriftKind, known: DriftEvent, *, course: bool) -> DriftEvent | None:
        window = watch.window(kind)
        current = window.latest
        if current is None or not current.judgement.anything:
            return None
        onset = known.onset
        start = Start(onset.record_id or "", onset.event_time or 0, onset.features, onset.labels)
        finding = BlockFinding(start, current)
        fields = self._dossier(watch).distribution(kind, finding, known, course=course)
        if kind is DriftKind.DATA:
            watch.past.see(current.counts)
        return self._distribution_event(watch, kind, finding, fields)

    def _concept_event(
        self, watch: Watch, finding: ConceptFinding, place: Place, fields: dict[str, Any], identity: str | None
    ) -> DriftEvent:
        event = concept_event(
            finding,
            place,
            watch.data.blame_since(finding.onset.event_time),
            stream=self._spec.stream,
            detector=watch.concept.detector,
            version=watch.version,
            detected=self._here(),
            now_ms=self._now_ms,
            identity=identity,
            answer=None if finding.answer is None else str(self._spec.classes[finding.answer]),
        )
        return _with(event, fields)

    def _distribution_event(
        self, watch: Watch, kind: DriftKind, finding: BlockFinding, fields: dict[str, Any]
    ) -> DriftEvent:
        monitor = watch.monitor(kind)
        event = distribution_event(
            kind,
            finding,
            monitor.blame(finding),
            stream=self._spec.stream,
            detector=monitor.detector,
            version=watch.version,
            detected=self._here(),
            now_ms=self._now_ms,
        )
        return _with(event, fields)

    def _exhibited(self, watch: Watch, event: DriftEvent, current: Current | None = None) -> DriftEvent:
        """The event as it is told and kept, with what a plot of it needs."""
        if current is None and event.kind is DriftKind.CONCEPT:
            current = watch.data.window.since(event.onset.event_time or 0)
        elif current is None:
            current = watch.window(event.kind).latest
        event = exhibited(event, watch, self._spec.classes, current)
        watch.lifecycle.keep(event)
        return event

    def _dossier(self, watch: Watch) -> Dossier:
        memory = self._memory
        return Dossier(self._spec, watch, memory.values.names, [reference for _, reference in memory.earlier])

    def _here(self) -> Position:
        features, labels = self._memory.ends_of_both()
        record_id, event_time = self._memory.books.last or (None, None)
        return Position(record_id=record_id, event_time=event_time, features=features, labels=labels)


def _changing(event: DriftEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _CHANGING}


def _with(event: DriftEvent, fields: dict[str, Any]) -> DriftEvent:
    said = fields.pop("said")
    return event.model_copy(update={**fields, "summary": event.summary + said, "told_at": event.detected_at})
