"""What the loop and the people at it have said: drift events, jobs, verdicts and acts, folded by what they are of."""

from collections import OrderedDict, deque
from typing import Any, Literal

from pydantic import ValidationError

from driftline.kafka.interface import Batch
from driftline.records.acts import Act, ActKind
from driftline.records.base import Record
from driftline.records.loop import DriftEvent, LogLine, ModelEvent, RetrainingJob
from driftline.topics import Topics

MOST_EVENTS, MOST_JOBS, MOST_ACTS = 10_000, 1_000, 1_000
# Events in the live state; older ones are asked for by the page when somebody looks.
SHOWN = 50
# Marks on the line over time: more would lie on top of each other.
MOST_MARKS = 400
MOST_PAUSES = 200


class Happenings:
    """The newest of each, by id.

    Attributes
    ----------
    changed : counts what came in, by section ('events', 'jobs', 'acts').
    paused : who has paused the policy, and when; None while it is not.
    pauses : from when until when it was paused, epoch ms; None: until now.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self.events: OrderedDict[str, DriftEvent] = OrderedDict()
        self.jobs: OrderedDict[str, RetrainingJob] = OrderedDict()
        self.verdicts: OrderedDict[str, ModelEvent] = OrderedDict()
        self._logs: OrderedDict[str, list[LogLine]] = OrderedDict()
        self.acts: OrderedDict[str, Act] = OrderedDict()
        self.acknowledged: OrderedDict[str, Act] = OrderedDict()
        self.promotions: deque[ModelEvent] = deque(maxlen=MOST_JOBS)
        self.changed = {"events": 0, "jobs": 0, "acts": 0}
        self.malformed = 0
        self.paused: Act | None = None
        self.pauses: deque[tuple[int, int | None]] = deque(maxlen=MOST_PAUSES)

    def take(self, batch: Batch) -> None:
        """Take a batch of the loop's topics."""
        kinds: dict[str, type[Record]] = {
            self._topics.drift_events: DriftEvent,
            self._topics.retraining_jobs: RetrainingJob,
            self._topics.model_events: ModelEvent,
            self._topics.audit: Act,
        }
        kind = kinds[batch.topic]
        for value in batch.values:
            try:
                record = kind.from_json(value or b"")
            except ValidationError:
                self.malformed += 1
                continue
            if isinstance(record, DriftEvent):
                _put(self.events, record.event_id, record.brief(), MOST_EVENTS)
                self.changed["events"] += 1
            elif isinstance(record, RetrainingJob):
                _put(self.jobs, record.job_id, record, MOST_JOBS)
                self.changed["jobs"] += 1
            elif isinstance(record, ModelEvent):
                self._model_event(record)
            elif isinstance(record, Act):
                self._act(record)

    def page(self, before: int = 0, count: int = SHOWN) -> list[dict[str, Any]]:
        """Drift events, newest first, leaving out the `before` newest ones."""
        keys = list(self.events)[::-1][before : before + count]
        return [self._event(self.events[key]) for key in keys]

    def open_event(self) -> DriftEvent | None:
        """The newest alarm that stands and was not acknowledged."""
        for event in reversed(self.events.values()):
            if event.severity == "alarm" and self._stands(event) and event.event_id not in self.acknowledged:
                return event
        return None

    def _stands(self, event: DriftEvent) -> bool:
        """It was not closed, and no other version came into service: the next may be at home in this world."""
        return event.state != "closed" and (not self.promotions or event.detected_at >= self.promotions[-1].at)

    def marks(self) -> list[tuple[int, Literal["drift", "warning", "job", "model"], str]]:
        """Moments on the line over time: when, of what kind, and what to call it."""
        found: list[tuple[int, Literal["drift", "warning", "job", "model"], str]] = []
        for event in list(self.events.values())[-MOST_MARKS:]:
            sign: Literal["drift", "warning"] = "drift" if event.severity == "alarm" else "warning"
            found.append((event.detected_at, sign, f"{event.kind.value} drift"))
        found += [(job.requested_at, "job", "retraining asked for") for job in list(self.jobs.values())[-MOST_MARKS:]]
        found += [(one.at, "model", f"version {one.version} {one.kind.value}") for one in self.promotions]
        return sorted(found)[-MOST_MARKS:]

    def job_list(self) -> list[dict[str, Any]]:
        """Jobs, newest first, with their verdicts."""
        listed = []
        for job in list(self.jobs.values())[: -SHOWN - 1 : -1]:
            verdict = self.verdicts.get(job.job_id)
            listed.append(
                {
                    "id": job.job_id,
                    "by": job.requested_by,
                    "reason": job.reason,
                    "at": job.requested_at,
                    "labelled": job.labelled_records,
                    "event": job.drift_event_id,
                    "state": verdict.kind.value if verdict else "open",
                    "version": verdict.version if verdict else None,
                    "seconds": verdict.seconds if verdict else None,
                    "reasons": verdict.reasons if verdict else [],
                    "lines": len(self._logs.get(job.job_id, ())),
                }
            )
        return listed

    def job_log(self, job_id: str) -> list[dict[str, Any]] | None:
        """What a job came through, as its verdict told; None if none of the newest verdicts told of it."""
        lines = self._logs.get(job_id)
        return None if lines is None else [line.model_dump() for line in lines]

    def audit(self) -> list[dict[str, Any]]:
        """Acts, newest first."""
        return [
            one.model_dump(mode="json", exclude={"schema_version", "stream"})
            for one in list(self.acts.values())[: -SHOWN - 1 : -1]
        ]

    def _event(self, event: DriftEvent) -> dict[str, Any]:
        acknowledged = self.acknowledged.get(event.event_id)
        return {
            "id": event.event_id,
            "kind": event.kind.value,
            "severity": event.severity,
            "detector": event.detector,
            "version": event.model_version,
            "at": event.detected_at,
            "onset": event.onset.event_time,
            "onset_record": event.onset.record_id,
            "standing": self._stands(event),
            "summary": event.summary,
            "state": event.state,
            "closed_because": event.closed_because,
            "shape": event.shape,
            "cause": event.cause,
            "blame": [one.model_dump(include={"feature", "score", "detail"}) for one in event.features[:6]],
            "parts": [
                one.detail or one.name for parts in (event.classes, event.devices, event.segments) for one in parts[:3]
            ],
            "acknowledged": {"by": acknowledged.actor, "at": acknowledged.at} if acknowledged else None,
        }

    def _model_event(self, event: ModelEvent) -> None:
        if job_id := event.job_id:
            if event.log:
                _put(self._logs, job_id, event.log, SHOWN)
                event = event.model_copy(update={"log": []})
            _put(self.verdicts, job_id, event, MOST_JOBS)
        if event.kind.changes_champion and event.event_id not in {one.event_id for one in self.promotions}:
            self.promotions.append(event)
            self.changed["events"] += 1
        self.changed["jobs"] += 1

    def _act(self, act: Act) -> None:
        # After a broker's absence the topic is read from its beginning again.
        if (known := self.acts.get(act.act_id)) is not None and known.result != "asked":
            return
        _put(self.acts, act.act_id, act, MOST_ACTS)
        self.changed["acts"] += 1
        if act.result != "done":
            return
        if act.kind is ActKind.ACKNOWLEDGE and act.subject:
            _put(self.acknowledged, act.subject, act, MOST_EVENTS)
            self.changed["events"] += 1
        elif act.kind is ActKind.PAUSE and self.paused is None:
            self.paused = act
            self.pauses.append((act.at, None))
        elif act.kind is ActKind.RESUME and self.paused is not None:
            self.pauses[-1] = (self.paused.at, act.at)
            self.paused = None


def _put(kept: "OrderedDict[str, Any]", key: str, value: Any, most: int) -> None:
    """Keep by key in the order of first arrival, at most so many."""
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
