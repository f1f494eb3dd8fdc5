"""What is to happen to which service, and when: drawn from a seed, so that a run can be had again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from tests.faults.points import LOOP_POINTS, TRAINER_POINTS

Kind = Literal["consumer", "monitor", "trainer", "producer"]
ANY_MOMENT = "any-moment"
FREEZE = "freeze"
LEAVE = "leave-and-return"

# How often each point may be passed before it is fatal: up to some seconds of work.
_PASSES = {
    "consumer": {"on-assigned": 1, "": 60},
    "monitor": {"on-assigned": 1, "before-commit": 6, "inside-commit": 6, "after-commit": 6, "": 20},
    "trainer": {"": 1, "before-poll": 40, "on-assigned": 1},
}
# Seconds that a service is left alone after it has recovered, at least and at most.
_PEACE: dict[str, tuple[float, float]] = {
    "consumer": (0.5, 9.0),
    "monitor": (1.0, 9.0),
    "trainer": (4.0, 22.0),
    "producer": (1.0, 9.0),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happens to one process.

    Attributes
    ----------
    name : a point, or one of any-moment (SIGKILL from outside), freeze (SIGSTOP beyond the session time-out, then
        SIGCONT), leave-and-return (an orderly stop, and a start some seconds later).
    passes : for a point, the number of the pass that is fatal.
    after : seconds after the process has recovered; a point is armed from its start.
    """

    name: str
    after: float
    passes: int = 1

    @property
    def at_point(self) -> bool:
        return self.name in LOOP_POINTS or self.name in TRAINER_POINTS

    @property
    def argument(self) -> str:
        """For `tests.faults.service --fault`."""
        return f"{self.name}:{self.passes}" if self.at_point else ""


class Plan:
    """The faults of one instance, one after another. Instances are independent of each other's timing.

    Parameters
    ----------
    calm : factor on the pauses between faults.
    """

    def __init__(self, seed: int, instance: str, kind: Kind, calm: float = 1.0) -> None:
        self._random = random.Random(f"{seed}/{instance}")
        self._kind, self._calm = kind, calm
        self._left: list[str] = []

    def next(self) -> Fault:
        """What happens next. All names of a kind come before one comes again."""
        if not self._left:
            self._left = self._names()
            self._random.shuffle(self._left)
        name = self._left.pop()
        low, high = _PEACE[self._kind]
        passes = _PASSES.get(self._kind, {})
        most = passes.get(name, passes.get("", 1))
        return Fault(name, self._calm * self._random.uniform(low, high), self._random.randint(1, most))

    def _names(self) -> list[str]:
        if self._kind == "producer":
            return [ANY_MOMENT] * 3
        if self._kind == "trainer":
            around_commit = ("before-commit", "inside-commit", "after-commit")
            return [ANY_MOMENT, ANY_MOMENT, "on-assigned", *around_commit, *TRAINER_POINTS]
        more = [FREEZE, LEAVE] if self._kind == "consumer" else [FREEZE]
        return [*LOOP_POINTS, *[ANY_MOMENT] * 5, *more]
