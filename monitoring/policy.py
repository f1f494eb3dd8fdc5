"""When a drift event becomes a retraining job."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from pydantic import ValidationError

from driftline.records.loop import DriftEvent, ModelEvent, ModelEventKind
from driftline.spec.monitoring import PolicySpec
from monitoring.encoding import DamagedState, pack, unpack

_SEVERITY = {"warning": 0, "alarm": 1}
# A drift whose retrainings keep failing asks at most every 2^6 = 64 cool-downs: a fault in the training must not
# burn the machine, and must not end the loop for ever either.
_MOST_DOUBLINGS = 6
# Events whose answered attempts are remembered. A drift is told again, if at all, soon after it was first told.
_ANSWERED = 1_000


@dataclass(frozen=True, slots=True)
class Ask:
    """A retraining that is due: the `attempt`-th (from 1) for this event."""

    event: DriftEvent
    attempt: int

    @property
    def job_id(self) -> str:
        """The same for the same event and attempt, so that a replay asks for nothing twice."""
        return "job-" + hashlib.sha256(f"{self.event.event_id}|{self.attempt}".encode()).hexdigest()[:16]


LabelledSince = Callable[[DriftEvent], int]
"""Labelled records known since an event's onset."""


class Policy(Protocol):
    """What to do about drift. Told of everything that happens, asked after every batch whether a job is due."""

    def drifted(self, event: DriftEvent) -> None:
        """The monitor said this; the same event comes again when it is updated. Closed ones are told to `over`."""

    def over(self, event_id: str) -> None:
        """That drift is over without a retraining."""

    def installed(self, version: int) -> None:
        """The detectors now watch this version."""

    def happened(self, event: ModelEvent, labelled: int) -> None:
        """Something happened to a version, when `labelled` labelled records had been seen.

        An event may be told again at any time, and must then change nothing.
        """

    def due(self, labelled: int, since: LabelledSince) -> Ask | None:
        """The retraining to ask for now, which then counts as asked."""

    def snapshot(self) -> bytes:
        """Everything that decides what it says next, without pickle."""

    def restore(self, state: bytes) -> None:
        """Become what a snapshot said. Raises DamagedState."""


@dataclass(slots=True)
class Jobs:
    """Jobs so far, by what became of them."""

    asked: int = 0
    promoted: int = 0
    recalled: int = 0
    refused: int = 0
    failed: int = 0


class _AskState(msgspec.Struct):
    event: dict[str, Any]
    attempt: int


class _PolicyState(msgspec.Struct):
    jobs: Jobs
    open: _AskState | None
    waiting: list[_AskState]
    answered: dict[str, int]
    quiet_until: int
    sequence: int
    version: int | None
    open_is_over: bool


@dataclass(slots=True)
class RetrainingPolicy:
    """The default policy: one job at a time, only for drift that counts, and only with enough labels to learn from.

    An event asks if its kind is in `retrain_on`, its severity is at least `minimum_severity`, `minimum_labels` labelled
    records are known since its onset, no job is open, and `cool_down_records` labelled records have passed since the
    last verdict. A job whose candidate was refused, or that failed, leaves its drift standing: then the same event asks
    again, each time after twice as long, because by then there is more of the new world to learn from.

    Parameters
    ----------
    spec : the policy section.
    """

    spec: PolicySpec
    jobs: Jobs = field(default_factory=Jobs)
    open: Ask | None = None
    """The job without a verdict."""
    _waiting: dict[str, Ask] = field(default_factory=dict)
    _answered: dict[str, int] = field(default_factory=dict)
    _quiet_until: int = 0
    _sequence: int = 0
    _version: int | None = None
    _open_is_over: bool = False

    def drifted(self, event: DriftEvent) -> None:
        if event.kind.value not in self.spec.retrain_on:
            return
        if _SEVERITY[event.severity] < _SEVERITY[self.spec.minimum_severity]:
            return
        if event.cause == "sensor":
            # No training mends a sensor.
            self._waiting.pop(event.event_id, None)
            return
        if event.state == "updated" and event.event_id in self._answered and event.event_id not in self._waiting:
            # It has asked and was answered; if it may ask again, `_verdict` has seen to that.
            return
        if self.open is None or self.open.event.event_id != event.event_id:
            known = self._waiting.get(event.event_id)
            # Never the id of a job that has its verdict: the trainer answers a job once.
            attempt = known.attempt if known else self._answered.get(event.event_id, 0) + 1
            self._waiting[event.event_id] = Ask(event, attempt)

    def over(self, event_id: str) -> None:
        self._waiting.pop(event_id, None)
        if self.open is not None and self.open.event.event_id == event_id:
            self._open_is_over = True

    def installed(self, version: int) -> None:
        self._version = version
        self._waiting = {key: ask for key, ask in self._waiting.items() if ask.event.model_version == version}

    def happened(self, event: ModelEvent, labelled: int) -> None:
        if self.open is not None and event.job_id == self.open.job_id:
            self._verdict(self.open, event.kind, labelled)
        elif event.kind.changes_champion and event.sequence > self._sequence:
            # Somebody else changed the model: it gets the same time to show itself.
            self._quiet_until = max(self._quiet_until, labelled + self.spec.cool_down_records)
        self._sequence = max(self._sequence, event.sequence)

    def due(self, labelled: int, since: LabelledSince) -> Ask | None:
        if self.open is not None or not self._waiting or labelled < self._quiet_until:
            return None
        # A window that can never hold as many labels as asked for must not wait for them.
        wanted = min(self.spec.minimum_labels, self.spec.maximum_window)
        for ask in self._waiting.values():
            if since(ask.event) >= wanted:
                del self._waiting[ask.event.event_id]
                self.open, self._open_is_over = ask, False
                self.jobs.asked += 1
                return ask
        return None

    def snapshot(self) -> bytes:
        return pack(
            _PolicyState(
                jobs=self.jobs,
                open=_plain(self.open) if self.open is not None else None,
                waiting=[_plain(ask) for ask in self._waiting.values()],
                answered=self._answered,
                quiet_until=self._quiet_until,
                sequence=self._sequence,
                version=self._version,
                open_is_over=self._open_is_over,
            )
        )

    def restore(self, state: bytes) -> None:
        known, _ = unpack("policy", state, _PolicyState)
        self.jobs, self._answered = known.jobs, known.answered
        self.open = _ask(known.open) if known.open is not None else None
        self._waiting = {ask.event.event_id: ask for ask in map(_ask, known.waiting)}
        self._quiet_until, self._sequence, self._version = known.quiet_until, known.sequence, known.version
        self._open_is_over = known.open_is_over

    def _verdict(self, ask: Ask, kind: ModelEventKind, labelled: int) -> None:
        self.open = None
        self._answered.pop(ask.event.event_id, None)
        self._answered[ask.event.event_id] = ask.attempt
        while len(self._answered) > _ANSWERED:
            del self._answered[next(iter(self._answered))]
        pause = self.spec.cool_down_records
        if kind in (ModelEventKind.REFUSED, ModelEventKind.FAILED):
            pause *= 2 ** min(ask.attempt - 1, _MOST_DOUBLINGS)
            if not self._open_is_over and self._version in (None, ask.event.model_version):
                self._waiting.setdefault(ask.event.event_id, Ask(ask.event, ask.attempt + 1))
        name = {ModelEventKind.ROLLED_BACK: "recalled"}.get(kind, kind.value)
        setattr(self.jobs, name, getattr(self.jobs, name) + 1)
        self._quiet_until = labelled + pause


def _plain(ask: Ask) -> _AskState:
    return _AskState(ask.event.model_dump(), ask.attempt)


def _ask(state: _AskState) -> Ask:
    try:
        return Ask(DriftEvent.model_validate(state.event), state.attempt)
    except ValidationError as error:
        raise DamagedState(f"monitor state, part policy: {error.errors(include_url=False)[0]['msg']}") from error
