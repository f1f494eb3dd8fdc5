"""Carries out the plans of all instances at once, and takes the time until each is back."""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.fleet import Fleet, Instance, State
from tests.faults.plan import ANY_MOMENT, FREEZE, LEAVE, Fault, Plan
from tests.faults.sightings import Sightings
from tests.faults.world import SESSION_MS

# A point that is not passed often enough by then is not waited for any longer: the process dies all the same.
_PATIENCE = 14.0
# A process that has not come back by then is looked at by a person; the run goes on.
LOST_PATIENCE = 90.0
_LOOK_EVERY = 0.2
_FROZEN = SESSION_MS / 1_000 + 1.5
_AWAY = 3.0
_REST = 1.0
_DISARMED = "disarmed"
"""No fault: the load is over, and a process that waits to die at a point is replaced by one that does not."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """One fault survived: `seconds` from the death (or the thaw, or the return) to the first committed round."""

    kind: str
    fault: str
    seconds: float


@dataclass
class _Life:
    """Where one instance stands."""

    instance: Instance
    plan: Plan
    fault: Fault
    phase: Literal["coming", "up", "frozen", "away"] = "coming"
    since: float = 0.0
    """When the fault struck that it is recovering from."""
    struck: str | None = None
    """Name of that fault; None at the first start."""
    due: float = 0.0
    dying: str | None = None
    """Name of the fault that has been set off and must end the process now."""
    marks: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Process and commits of each instance of the kind when it struck."""


class Chaos:
    """Call `begin` once and `tick` often, from the thread that is to outlive the services.

    Attributes
    ----------
    injected : faults so far, by (kind, name).
    recoveries : those that were recovered from before the next one struck.
    unexpected : ends that nobody had asked for, for a person.
    """

    def __init__(self, fleet: Fleet, seed: int, sightings: Sightings, calm: float = 1.0) -> None:
        self._fleet, self._sightings = fleet, sightings
        self._lives: list[_Life] = []
        for instance in fleet.instances.values():
            plan = Plan(seed, instance.name, instance.kind, calm)
            self._lives.append(_Life(instance, plan, plan.next()))
        self._looked = 0.0
        self._quiet = False
        self.injected: Counter[tuple[str, str]] = Counter()
        self.recoveries: list[Recovery] = []
        self.unexpected: list[str] = []

    @property
    def kills(self) -> int:
        """SIGKILLs so far."""
        return sum(count for (_, name), count in self.injected.items() if name not in (FREEZE, LEAVE))

    @property
    def all_up(self) -> bool:
        return all(life.phase == "up" for life in self._lives)

    def begin(self) -> None:
        """Start everything, without a fault in the first life."""
        for life in self._lives:
            life.since = time.monotonic()
            life.fault = Fault(ANY_MOMENT, life.fault.after)
            self._fleet.start(life.instance)

    def calm(self) -> None:
        """Nothing more is to happen; what is down comes back (with the faults taken out) and stays."""
        self._quiet = True
        for life in self._lives:
            if life.fault.at_point and life.phase != "away" and life.instance.kind != "producer":
                self._fleet.signal(life.instance, signal.SIGKILL)
                life.dying = _DISARMED

    def retire(self, instance: Instance) -> None:
        """Stop one instance for good, in order."""
        self._lives = [life for life in self._lives if life.instance is not instance]
        self._fleet.signal(instance, signal.SIGTERM)
        if instance.process is not None and (status := instance.process.wait(30)):
            self.unexpected.append(f"{instance.name} stopped with status {status}")
        instance.process = None

    def tick(self) -> None:
        """Once: bury and start again what has died, see who is back, strike who is due."""
        now = time.monotonic()
        for life in self._lives:
            if (status := self._fleet.buried(life.instance)) is not None:
                self._ended(life, status, now)
        look = now - self._looked >= _LOOK_EVERY
        if look:
            self._looked = now
        for life in self._lives:
            if life.phase == "coming" and look:
                self._look(life, now)
            elif life.phase == "frozen" and now >= life.due:
                self._fleet.signal(life.instance, signal.SIGCONT)
                life.phase, life.since = "coming", now
            elif life.phase == "away" and now >= life.due:
                self._again(life, now)
            elif life.phase == "up" and now >= life.due and not self._quiet and life.dying is None:
                self._strike(life, now)

    def _ended(self, life: _Life, status: int, now: float) -> None:
        name = life.instance.name
        if life.dying == LEAVE:
            self._count(life, LEAVE)
            life.phase, life.due, life.dying = "away", now + _AWAY, None
            if status:
                self.unexpected.append(f"{name} left with status {status}: {self._fleet.last_words(name)}")
            return
        if life.dying == _DISARMED:
            life.struck = None
        elif status == -signal.SIGKILL:
            self._count(life, life.dying or life.fault.name)
        elif not (life.instance.kind == "producer" and status == 0):
            self.unexpected.append(f"{name} ended with status {status}: {self._fleet.last_words(name)}")
            # Something is wrong that a start at once would only meet again.
            life.struck, life.phase, life.due, life.dying = None, "away", now + _REST, None
            return
        self._again(life, now)

    def _count(self, life: _Life, name: str) -> None:
        self.injected[life.instance.kind, name] += 1
        life.struck = name

    def _again(self, life: _Life, now: float) -> None:
        life.fault = Fault(ANY_MOMENT, 0.0) if self._quiet else life.plan.next()
        life.phase, life.since, life.dying = "coming", now, None
        life.marks = self._marks(life)
        self._fleet.start(life.instance, life.fault.argument)

    def _strike(self, life: _Life, now: float) -> None:
        fault = life.fault
        if fault.at_point:
            if now < life.due + _PATIENCE:
                return
            fault = Fault(ANY_MOMENT, 0.0)
        if fault.name == FREEZE:
            life.marks = self._marks(life)
            self._fleet.signal(life.instance, signal.SIGSTOP)
            self._count(life, FREEZE)
            life.phase, life.due = "frozen", now + _FROZEN
            life.fault = life.plan.next()
            if life.fault.at_point:  # it goes on living, and a point is armed at a start
                life.fault = Fault(ANY_MOMENT, life.fault.after)
            return
        life.dying = fault.name
        self._fleet.signal(life.instance, signal.SIGTERM if fault.name == LEAVE else signal.SIGKILL)

    def _look(self, life: _Life, now: float) -> None:
        if self._back(life):
            # At rest there may be nothing to commit, so nothing to take the time by.
            if life.struck is not None and not (self._quiet and life.instance.kind in ("consumer", "monitor")):
                self.recoveries.append(Recovery(life.instance.kind, life.struck, now - life.since))
            life.phase, life.due, life.struck = "up", now + life.fault.after, None
        elif now - life.since > LOST_PATIENCE:
            name = life.instance.name
            self.unexpected.append(f"{name} was not back after {LOST_PATIENCE:.0f} s: {self._fleet.last_words(name)}")
            life.dying = ANY_MOMENT
            self._fleet.signal(life.instance, signal.SIGKILL)
            life.since = now

    def _back(self, life: _Life) -> bool:
        kind = life.instance.kind
        if kind == "producer":
            return self._sightings.last > time.time() - (time.monotonic() - life.since)
        state = self._fleet.state(life.instance)
        if state.commits is None:
            return False
        if kind == "trainer" or (kind == "consumer" and self._quiet):
            return state.ready
        if kind == "monitor" and self._quiet:
            return True
        if kind == "consumer":
            return self._moved(life, life.instance, state)
        # One monitor works and the others stand by: it is back once it answers, and somebody works.
        return any(
            self._moved(life, other.instance, state if other is life else self._fleet.state(other.instance))
            for other in self._lives
            if other.instance.kind == kind
        )

    def _moved(self, life: _Life, instance: Instance, state: State) -> bool:
        """Whether an instance has committed a round since the fault of `life` struck."""
        if state.commits is None or instance.process is None:
            return False
        process, commits = life.marks.get(instance.name, (0, 0.0))
        return state.commits > (commits if process == instance.process.pid else 0.0)

    def _marks(self, life: _Life) -> dict[str, tuple[int, float]]:
        marks = {}
        for other in self._lives:
            if other.instance.kind == life.instance.kind != "producer" and other.instance.process is not None:
                marks[other.instance.name] = (
                    other.instance.process.pid,
                    self._fleet.state(other.instance).commits or 0.0,
                )
        return marks
