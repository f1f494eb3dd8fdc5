"""A job that is due, before it has a window."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Self

import msgspec
from pydantic import ValidationError

from driftline.records.loop import DriftEvent, JobAction
from monitoring.store.encoding import DamagedState


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for, and why.

    Attributes
    ----------
    event : the drift that it answers; of a rollback or a refinement, the drift that the version was made for; None of a
        challenge, and of what follows one.
    attempt : from 1, for this event and this purpose.
    action : what the trainer shall do.
    purpose : 'drift', or which refinement, challenge or rollback.
    reason : for a person; empty for 'drift', where the event says it.
    target : of a rollback, the version to go back to.
    newest : labelled records that the window is cut to; None for as many as are remembered.
    """

    event: DriftEvent | None
    attempt: int
    action: JobAction = "retrain-onset"
    purpose: str = "drift"
    reason: str = ""
    target: int | None = None
    newest: int | None = None

    @property
    def trains(self) -> bool:
        """Whether a model may be made for it."""
        return self.action not in ("recall", "rollback")

    @property
    def event_id(self) -> str | None:
        """Of the drift."""
        return self.event.event_id if self.event is not None else None

    @property
    def job_id(self) -> str:
        """The same for the same cause, attempt and action, so that a replay asks for nothing twice."""
        said = f"{self.event_id or ''}|{self.attempt}"
        if self.purpose != "drift" or not self.trains:
            said += f"|{self.purpose}|{self.action}|{self.target}"
        return "job-" + hashlib.sha256(said.encode()).hexdigest()[:16]

    def now(self, event: DriftEvent) -> Self:
        """The same, for what is known of its drift now."""
        return replace(self, event=event)


class AskState(msgspec.Struct):
    """An `Ask` in a snapshot; what the first versions did not keep has defaults."""

    event: dict[str, Any] | None
    attempt: int
    action: JobAction = "retrain-onset"
    purpose: str = "drift"
    reason: str = ""
    target: int | None = None
    newest: int | None = None


def stored(ask: Ask) -> AskState:
    """As a snapshot keeps it."""
    return AskState(
        stored_event(ask.event), ask.attempt, ask.action, ask.purpose, ask.reason, ask.target, ask.newest
    )  # fmt: skip


def restored(state: AskState) -> Ask:
    """What `stored` kept. Raises DamagedState."""
    return Ask(
        restored_event(state.event),
        state.attempt,
        state.action,
        state.purpose,
        state.reason,
        state.target,
        state.newest,
    )


def stored_event(event: DriftEvent | None) -> dict[str, Any] | None:
    """As a snapshot keeps it."""
    return event.model_dump() if event is not None else None


def restored_event(event: dict[str, Any] | None) -> DriftEvent | None:
    """An event of a snapshot. Raises DamagedState."""
    if event is None:
        return None
    try:
        return DriftEvent.model_validate(event)
    except ValidationError as error:
        raise DamagedState(f"monitor state, part policy: {error.errors(include_url=False)[0]['msg']}") from error
