"""Records of the loop as messages for others: CloudEvents, and a line for a chat."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from driftline.records.loop import DriftEvent, ModelEvent, ModelEventKind, RetrainingJob
from driftline.spec.alerts import WebhookSpec
from driftline.watch.telling import tell

Topic = Literal["drift", "retraining", "model"]
_SEVERITY = {"warning": 0, "alarm": 1}
_MARKS: dict[Topic, str] = {"drift": "🔴", "retraining": "🔁", "model": "✅"}
# Of a chat's line; Slack cuts at 40,000 and nobody reads so far.
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to be told."""

    topic: Topic
    record: DriftEvent | RetrainingJob | ModelEvent

    @property
    def id(self) -> str:
        """The same however often it is told, so that a receiver can leave out what it knows."""
        record = self.record
        if isinstance(record, RetrainingJob):
            return record.job_id
        # A drift event has several records under one id.
        again = record.revision if isinstance(record, DriftEvent) else 0
        return f"{record.event_id}/{again}" if again else record.event_id

    def wanted_by(self, hook: WebhookSpec) -> bool:
        """Whether a webhook wants to hear it. Nobody is called for a drift event that was only updated."""
        if self.topic not in hook.on:
            return False
        if isinstance(self.record, DriftEvent):
            if not self.record.counts and self.record.state != "closed":
                return False
            return _SEVERITY[self.record.severity] >= _SEVERITY[hook.minimum_severity]
        return True

    def cloud_event(self) -> bytes:
        """The record as a CloudEvent 1.0 in structured JSON (CloudEvents specification, context attributes)."""
        record = self.record
        at = {"drift": "detected_at", "retraining": "requested_at", "model": "at"}[self.topic]
        if isinstance(record, DriftEvent) and record.told_at is not None:
            at = "told_at"
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"/driftline/{record.stream}",
            "type": self.type,
            "time": datetime.fromtimestamp(getattr(record, at) / 1_000, UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": record.model_dump(mode="json"),
        }
        if (subject := _subject(record)) is not None:
            event["subject"] = subject
        return json.dumps(event, ensure_ascii=False).encode()

    @property
    def type(self) -> str:
        """E.g. `driftline.drift.concept`, `driftline.retraining.asked`, `driftline.model.promoted`."""
        record = self.record
        if isinstance(record, RetrainingJob):
            return "driftline.retraining.asked"
        return f"driftline.{self.topic}.{record.kind.value}"

    def slack(self) -> bytes:
        """A line of text as Slack, Mattermost and others take it; nothing of a record becomes markup."""
        bad = isinstance(self.record, ModelEvent) and self.record.kind in (
            ModelEventKind.REFUSED,
            ModelEventKind.FAILED,
        )
        mark = "⚠️" if bad else _MARKS[self.topic]
        said = f"{mark} {self.record.stream}: {tell(self.record)}"[:_LONGEST]
        # Slack's own three: without this, a value could ping a channel or hide a link.
        for plain, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            said = said.replace(plain, safe)
        return json.dumps({"text": said}, ensure_ascii=False).encode()


def _subject(record: DriftEvent | RetrainingJob | ModelEvent) -> str | None:
    if isinstance(record, RetrainingJob):
        return record.drift_event_id
    version = record.model_version if isinstance(record, DriftEvent) else record.version
    return None if version is None else f"version {version}"
