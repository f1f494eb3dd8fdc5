"""What a person at the console can do. Each act is in the audit before it is done, and again with what came of it."""

import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from driftline import operations
from driftline.asking import NEWEST, ask_for_retraining
from driftline.errors import DriftlineError, UsageError
from driftline.kafka.connect import connect, topic_requests
from driftline.kafka.interface import Client, Outgoing
from driftline.kafka.sending import send_now
from driftline.records.acts import Act, ActKind
from driftline.records.loop import DriftEvent
from driftline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wish:
    """An act that somebody asks for."""

    kind: ActKind
    subject: str | None
    actor: str
    source: str
    note: str


class Operator:
    """Does acts.

    Parameters
    ----------
    open_alarm : the drift event that a retraining now is of.
    connected : by default to the stream's Kafka, anew for each act: they are few, and no connection is held open.
    """

    def __init__(
        self,
        workspace: Workspace,
        open_alarm: Callable[[], DriftEvent | None],
        knows_event: Callable[[str], bool],
        connected: Callable[[], Client] | None = None,
    ) -> None:
        self._workspace, self._open_alarm, self._knows_event = workspace, open_alarm, knows_event
        self._connected = connected or (lambda: connect(workspace.endpoint("driftline-console")))

    def do(self, wish: Wish) -> dict[str, Any]:
        """Do it; returns what came of it.

        Raises
        ------
        UsageError : it cannot be done; that is in the audit.
        DriftlineError : Kafka cannot be written; then nothing was done.
        """
        act = Act(
            act_id=f"act-{uuid.uuid4().hex[:16]}",
            stream=self._workspace.spec.stream,
            kind=wish.kind,
            subject=wish.subject,
            actor=wish.actor,
            source=wish.source,
            note=wish.note,
            at=_now(),
            result="asked",
        )
        self._audit(act)
        try:
            detail = self._done(act)
        except DriftlineError as error:
            self._audit(act.model_copy(update={"result": "failed", "detail": str(error), "at": _now()}))
            raise
        done = act.model_copy(update={"result": "done", "detail": detail, "at": _now()})
        self._audit(done)
        return {"act": act.act_id, "detail": detail}

    def _done(self, act: Act) -> str:
        because = f"{act.kind.value} by {act.actor} at the console" + (f": {act.note}" if act.note else "")
        match act.kind:
            case ActKind.RETRAIN:
                return self._retrain(act, because)
            case ActKind.PROMOTE:
                return self._announce(operations.promote(self._workspace, _version(act.subject), because), act)
            case ActKind.ROLL_BACK:
                return self._announce(operations.roll_back(self._workspace, because), act)
            case ActKind.PAUSE:
                return "the monitor asks for no retraining until the policy is resumed"
            case ActKind.RESUME:
                return "the monitor asks for retrainings again"
            case ActKind.ACKNOWLEDGE:
                if not act.subject or not self._knows_event(act.subject):
                    raise UsageError("subject: read an id that no drift event has")
                return "acknowledged"

    def _retrain(self, act: Act, because: str) -> str:
        champion = self._workspace.registry.champion()
        if champion is None:
            raise UsageError("there is no version in service to improve on; train a first one with `driftline train`")
        spec, alarm = self._workspace.spec, self._open_alarm()
        with closing(self._connected()) as client:
            job = ask_for_retraining(
                spec,
                client,
                job_id=f"job-{act.act_id.removeprefix('act-')}",
                by="operator",
                reason=because,
                champion_version=champion.version,
                labels=NEWEST if alarm is None else spec.monitoring.policy.maximum_window,
                now_ms=_now(),
                of=alarm,
            )
        since = "the newest" if job.drift_event_id is None else "those since the alarm's onset"
        return f"{job.job_id} asked for, on {job.labelled_records:,} labelled records, {since}"

    def _announce(self, event: Any, act: Act) -> str:
        if event is None:
            raise UsageError(f"version {act.subject} is in service already")
        self._send([Outgoing(self._workspace.spec.topics.model_events, [event.to_json()], [event.key])])
        return f"version {event.version} is in service (before: {event.previous_version or 'none'})"

    def _audit(self, act: Act) -> None:
        self._send([Outgoing(self._workspace.spec.topics.audit, [act.to_json()], [act.act_id.encode()])])

    def _send(self, outputs: list[Outgoing]) -> None:
        with closing(self._connected()) as client:
            client.ensure_topics(topic_requests(self._workspace.spec))
            send_now(client, outputs)


def _version(subject: str | None) -> int:
    if subject is None or not subject.isdecimal() or not 0 < int(subject) < 2**31:
        raise UsageError(f"subject: read {subject!r}; expected a version number")
    return int(subject)


def _now() -> int:
    return time.time_ns() // 1_000_000
