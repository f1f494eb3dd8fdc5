"""When a drift event becomes a job, and of what kind."""

from dataclasses import dataclass, field, replace

import msgspec

from driftline.records.loop import DriftEvent, JobAction, ModelEvent, ModelEventKind
from driftline.spec.policy import Action, PolicySpec
from monitoring.policy import ask as asks
from monitoring.policy import probation as probations
from monitoring.policy import refinement as refinements
from monitoring.policy.ask import Ask, AskState
from monitoring.policy.challenge import Challenge
from monitoring.policy.interface import LabelledSince, Record, unknown
from monitoring.policy.probation import Probation, ProbationState
from monitoring.policy.refinement import Refinement, RefinementState
from monitoring.policy.training_budget import TrainingBudget
from monitoring.store.encoding import pack, unpack

# A drift whose trainings keep failing, or that no archived version answers, asks at most every 2^6 = 64 cool-downs: a
# fault must not burn the machine, and must not end the loop for ever either. One whose candidates are refused asks at
# least every other cool-down: there is more to learn from each time, and until then the loop answers badly.
_MOST_DOUBLINGS = {ModelEventKind.FAILED: 6, ModelEventKind.REFUSED: 1}
# Events whose answered attempts are remembered. A drift is told again, if at all, soon after it was first told.
_ANSWERED = 1_000
# Share of a version's life that a drift must cover to be a matter of the version, not of the world.
_WHOLE_LIFE = 0.8


def _version(ask: Ask) -> int | None:
    return ask.event.model_version if ask.event is not None else None


@dataclass(slots=True)
class Jobs:
    """Jobs so far, by what became of them."""

    asked: int = 0
    promoted: int = 0
    recalled: int = 0
    refused: int = 0
    failed: int = 0
    unfit: int = 0
    """Looks into the archive, at the version before, and at what the newest records teach, that changed nothing."""


class _PolicyState(msgspec.Struct):
    jobs: Jobs
    open: AskState | None
    waiting: list[AskState]
    answered: dict[str, int]
    quiet_until: int
    sequence: int
    version: int | None
    open_is_over: bool
    # What a state of an older version lacks starts empty.
    open_rows: int = 0
    open_at: int = 0
    spent: dict[str, int] = {}
    refinement: RefinementState | None = None
    probation: ProbationState | None = None
    challenge: Challenge | None = None
    sensors: list[str] = []


@dataclass(slots=True)
class RetrainingPolicy:
    """The default policy: one job at a time, only for drift that counts, and only with enough labels to learn from.

    What is done at an event says `PolicySpec.action_at`. A drift that asks for a training first asks the archive, as
    soon as `minimum_labels_recall` labelled records are known since its onset, and for the training with
    `minimum_labels`. No job is asked for while another is open, nor within `cool_down_records` labelled records after a
    new version came into service, nor a training beyond `maximum_trainings_per_day`. A job whose candidate was refused,
    or that failed, leaves its drift standing: then the same event asks again, the longer the later, every other time on
    the newer half of the window.

    A version that a drift brought in is watched: see `monitoring.policy.probation` and `monitoring.policy.refinement`.
    Any version may be challenged without a drift: see `monitoring.policy.challenge`.

    Parameters
    ----------
    spec : the policy section.
    recall : whether archived versions may be put back into service (`rollout.recall`).
    """

    spec: PolicySpec
    recall: bool = True
    jobs: Jobs = field(default_factory=Jobs)
    open: Ask | None = None
    """The job without a verdict."""
    _waiting: dict[str, Ask] = field(default_factory=dict)
    _answered: dict[str, int] = field(default_factory=dict)
    _quiet_until: int = 0
    _sequence: int = 0
    _version: int | None = None
    _open_is_over: bool = False
    _open_rows: int = 0
    _open_at: int = 0
    _spent: dict[str, int] = field(default_factory=dict)
    _refinement: Refinement | None = None
    _probation: Probation | None = None
    _challenge: Challenge | None = None
    _sensors: set[str] = field(default_factory=set)

    def tells(self, event: DriftEvent) -> bool:
        return self._action(event) != "nothing"

    def drifted(self, event: DriftEvent) -> None:
        self._sensors.discard(event.event_id)
        if event.cause == "sensor":
            self._sensors.add(event.event_id)
        action = self._action(event)
        if action in ("nothing", "notify"):
            return
        if event.cause == "sensor":
            # No training mends a sensor.
            self._waiting.pop(event.event_id, None)
            return
        if event.state == "updated" and event.event_id in self._answered and event.event_id not in self._waiting:
            # It has asked and was answered; if it may ask again, `_verdict` has seen to that.
            return
        if self.open is None or self.open.event_id != event.event_id:
            if (known := self._waiting.get(event.event_id)) is not None:
                self._waiting[event.event_id] = replace(known, event=event)
                return
            # Never the id of a job that has its verdict: the trainer answers a job once.
            attempt = self._answered.get(event.event_id, 0) + 1
            self._waiting[event.event_id] = Ask(event, attempt, "recall" if self._archive else self._training(event))

    def over(self, event_id: str) -> None:
        self._waiting.pop(event_id, None)
        if event_id in self._sensors:
            # What was answered to broken sensors says nothing of the version: its record begins anew.
            self._sensors.discard(event_id)
            self._challenge = None
        if self.open is not None and self.open.event_id == event_id:
            self._open_is_over = True

    def installed(self, version: int) -> None:
        self._version = version
        self._sensors.clear()
        self._waiting = {key: ask for key, ask in self._waiting.items() if _version(ask) == version}
        if self._refinement is not None and self._refinement.version != version:
            self._refinement = None
        if self._probation is not None and self._probation.version != version:
            self._probation = None
        if self._challenge is not None and self._challenge.version != version:
            self._challenge = None

    def happened(self, event: ModelEvent, labelled: int) -> None:
        if self.open is not None and event.job_id == self.open.job_id:
            self._verdict(self.open, event, labelled)
        elif event.kind.changes_champion and event.sequence > self._sequence:
            # Somebody else changed the model: it gets the same time to show itself.
            self._quiet_until = max(self._quiet_until, labelled + self.spec.cool_down_records)
        self._sequence = max(self._sequence, event.sequence)

    def due(self, labelled: int, since: LabelledSince, now_ms: int = 0, record: Record = unknown) -> Ask | None:
        if self.open is not None:
            return None
        if (ask := self._rollback(record)) is not None:
            return self._asked(ask, 0, labelled)
        if self._refinement is not None:
            self._refinement.begin(record)
        if self._challenge is None and self._version is not None:
            self._challenge = Challenge.of(self._version, labelled, self.spec.challenge_records, record)
        if labelled < self._quiet_until:
            return None
        budget = TrainingBudget(self.spec.maximum_trainings_per_day, self._spent)
        may_train = budget.allows(now_ms)
        self._spent = budget.spent
        for event_id, waiting in self._waiting.items():
            assert waiting.event is not None, "what waits is a drift"
            rows = since(waiting.event)
            ask = self._next_step(waiting, rows, labelled)
            if rows < self._wanted(ask) or (ask.trains and not may_train):
                continue
            del self._waiting[event_id]
            if ask.trains:
                budget.spend(ask.job_id, now_ms)
            return self._asked(ask, rows, labelled)
        if not may_train or self._waiting:
            return None
        ask = self._refined(labelled, record) or self._challenged(labelled, record)
        if ask is None:
            return None
        budget.spend(ask.job_id, now_ms)
        return self._asked(ask, ask.newest or 0, labelled)

    def snapshot(self) -> bytes:
        return pack(
            _PolicyState(
                jobs=self.jobs,
                open=asks.stored(self.open) if self.open is not None else None,
                waiting=[asks.stored(ask) for ask in self._waiting.values()],
                answered=self._answered,
                quiet_until=self._quiet_until,
                sequence=self._sequence,
                version=self._version,
                open_is_over=self._open_is_over,
                open_rows=self._open_rows,
                open_at=self._open_at,
                spent=self._spent,
                refinement=refinements.stored(self._refinement) if self._refinement is not None else None,
                probation=probations.stored(self._probation) if self._probation is not None else None,
                challenge=self._challenge,
                sensors=sorted(self._sensors),
            )
        )

    def restore(self, state: bytes) -> None:
        known, _ = unpack("policy", state, _PolicyState)
        self.jobs, self._answered = known.jobs, known.answered
        self.open = asks.restored(known.open) if known.open is not None else None
        self._waiting = {ask.event_id: ask for ask in map(asks.restored, known.waiting) if ask.event_id is not None}
        self._quiet_until, self._sequence, self._version = known.quiet_until, known.sequence, known.version
        self._open_is_over = known.open_is_over
        self._open_rows, self._open_at, self._spent = known.open_rows, known.open_at, known.spent
        self._refinement = refinements.restored(known.refinement) if known.refinement is not None else None
        self._probation = probations.restored(known.probation) if known.probation is not None else None
        self._challenge = known.challenge
        self._sensors = set(known.sensors)

    # -- inside -------------------------------------------------------------------------------------------------

    @property
    def _archive(self) -> bool:
        """Whether there may be a version to recall: the first one has none before it."""
        early = self.spec.minimum_labels_recall < self.spec.minimum_labels
        return self.recall and early and self._version is not None and self._version > 1

    def _action(self, event: DriftEvent) -> Action:
        return self.spec.action_at(event.kind.value, event.severity)

    def _training(self, event: DriftEvent) -> JobAction:
        action = self._action(event)
        assert action != "nothing"
        assert action != "notify", "such an event never asks"
        return action

    def _wanted(self, ask: Ask) -> int:
        """Labelled records since the onset that a job needs."""
        wanted = self.spec.minimum_labels if ask.trains else self.spec.minimum_labels_recall
        # A window that can never hold as many labels as asked for must not wait for them.
        return min(wanted, self.spec.maximum_window)

    def _next_step(self, ask: Ask, rows: int, labelled: int) -> Ask:
        """The ask as it stands with so many labelled records since the onset."""
        if ask.action == "recall" and rows >= self.spec.minimum_labels:
            # Such a training asks the archive too.
            assert ask.event is not None, "a recall answers a drift"
            action = self._training(ask.event)
            ask = replace(ask, action=action) if action == "retrain-onset" else ask
        if ask.action in ("retrain-window", "continue"):
            return replace(ask, newest=self._window)
        made, half = self._refinement, rows // 2
        if ask.action == "retrain-onset" and ask.attempt % 2 == 0 and half >= self.spec.minimum_labels:
            # The world may have changed again since the onset: a drift that stands is told once.
            return replace(ask, newest=half)
        if ask.action == "retrain-onset" and made is not None and rows >= _WHOLE_LIFE * (labelled - made.at):
            # The version never was good: it was made of too little of its world, all of which is known still.
            return replace(ask, newest=min(made.rows + labelled - made.at, self.spec.maximum_window))
        return ask

    def _refined(self, labelled: int, record: Record) -> Ask | None:
        if self._refinement is None or not self.spec.refine:
            return None
        ask = self._refinement.due(labelled, self.spec.refine, self._window, self.spec.target_accuracy, record)
        if ask is not None:
            self._refinement.asked(ask, labelled)
        return ask

    def _challenged(self, labelled: int, record: Record) -> Ask | None:
        # What broken sensors send teaches nothing about the world.
        if self._challenge is None or not self.spec.challenge_records or self._sensors:
            return None
        return self._challenge.due(
            labelled, self.spec.challenge_records, self.spec.target_accuracy, self._window, record
        )

    @property
    def _window(self) -> int:
        """Newest labelled records that a training without an onset learns from."""
        return min(self.spec.window, self.spec.maximum_window)

    def _asked(self, ask: Ask, rows: int, labelled: int) -> Ask:
        self.open, self._open_is_over = ask, False
        self._open_rows, self._open_at = rows, labelled
        self.jobs.asked += 1
        return ask

    def _rollback(self, record: Record) -> Ask | None:
        if self._probation is None:
            return None
        found = self._probation.look(*record(self._probation.version))
        if found is True:
            return None
        self._probation = None
        return found or None

    def _verdict(self, ask: Ask, event: ModelEvent, labelled: int) -> None:
        self.open = None
        name = {ModelEventKind.ROLLED_BACK: "recalled"}.get(event.kind, event.kind.value)
        trained = ask.trains and event.trained
        if event.kind is ModelEventKind.REFUSED and not trained:
            name = "unfit"
        setattr(self.jobs, name, getattr(self.jobs, name) + 1)
        if event.kind is ModelEventKind.RECALLED or not trained:
            self._spent.pop(ask.job_id, None)
        if ask.purpose == "drift" and ask.event is not None:
            self._answered.pop(ask.event.event_id, None)
            self._answered[ask.event.event_id] = ask.attempt
            while len(self._answered) > _ANSWERED:
                del self._answered[next(iter(self._answered))]
        if event.kind.changes_champion:
            self._changed(ask, event)
            # A cool-down spares trainings. What was recalled cost none, and if it does not fit either, the next drift
            # of which there is proof must not wait for it.
            self._quiet_until = labelled + (self.spec.cool_down_records if event.kind is ModelEventKind.PROMOTED else 0)
        elif ask.purpose == "drift" and ask.event is not None:
            self._stays(ask, ask.event, event.kind, labelled)
        elif ask.action == "challenge" and self._challenge is not None:
            self._challenge.withstood(labelled, self.spec.challenge_records)

    def _changed(self, ask: Ask, event: ModelEvent) -> None:
        self._refinement = self._probation = None
        if event.kind is ModelEventKind.ROLLED_BACK:
            return
        self._probation = Probation.of(event, ask, self.spec.rollback_labels)
        if event.kind is ModelEventKind.PROMOTED and event.version is not None:
            own = ask.newest if ask.action == "retrain-onset" else None
            self._refinement = Refinement(event.version, ask.event, max(own or self._open_rows, 1), self._open_at)

    def _stays(self, ask: Ask, drift: DriftEvent, kind: ModelEventKind, labelled: int) -> None:
        """The model in service stays: the same drift asks again, if it still stands."""
        again, pause = replace(ask, attempt=ask.attempt + 1, newest=None), self.spec.cool_down_records
        pause *= 2 ** min(ask.attempt - 1, _MOST_DOUBLINGS[kind])
        if ask.trains:
            again = replace(again, action=self._training(drift))
            if kind is ModelEventKind.REFUSED and 0 < self._open_rows < pause:
                # By then as much again is known of the new world.
                pause = min(self._open_rows, self.spec.cool_down_records)
        elif self._action(drift) != "recall":
            # Nothing archived fits. That was quick and has cost nothing, so the training waits for its labels only.
            again, pause = replace(ask, action=self._training(drift)), 0
        else:
            pause = self.spec.cool_down_records * 2 ** min(ask.attempt - 1, _MOST_DOUBLINGS[ModelEventKind.FAILED])
        self._quiet_until = max(self._quiet_until, labelled + pause)
        if not self._open_is_over and self._version in (None, drift.model_version):
            self._waiting.setdefault(drift.event_id, again)
