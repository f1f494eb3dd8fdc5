"""The course of a drift: how far, at each row, the world has gone from the old state to the new.

A course says for each row a strength from 0 (the old world) to 1 (the new one). Kinds as in Gama et al., "A survey on
concept drift adaptation", ACM Computing Surveys 46(4), 2014, section 2.3.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from producers.fleet.drift.abrupt import Abrupt
from producers.fleet.drift.gradual import Gradual
from producers.fleet.drift.incremental import Incremental
from producers.fleet.drift.recurring import Recurring
from producers.fleet.plan import DriftPlan


class Course(Protocol):
    """How a drift goes on."""

    def strength(self, rows: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Strength in [0, 1] of each of n rows.

        Parameters
        ----------
        rows : int64 [n], row numbers.
        chance : float64 [n] uniform in [0, 1), each row's own; the same row always comes with the same.
        """


def course_of(plan: DriftPlan) -> Course:
    """The course that a plan asks for."""
    match plan.kind:
        case "abrupt":
            return Abrupt(plan.at)
        case "gradual":
            return Gradual(plan.at, plan.width)
        case "incremental":
            return Incremental(plan.at, plan.width)
        case "recurring":
            return Recurring(plan.at, plan.period)


__all__ = ["Abrupt", "Course", "Gradual", "Incremental", "Recurring", "course_of"]
