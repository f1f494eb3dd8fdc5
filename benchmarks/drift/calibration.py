"""River's detectors by their parameters: on the library's defaults, and as sensitive as a false-alarm budget allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN, PageHinkley
from river.drift.binary import DDM, EDDM, HDDMA, HDDMW

from benchmarks.drift.kswin import BinaryKSWIN
from benchmarks.drift.parts import Part, Watcher
from benchmarks.drift.watchers import River


@dataclass(frozen=True, slots=True)
class Family:
    """A detector with one parameter that decides how careful it is.

    Attributes
    ----------
    make : a watcher of this name, for a value of the parameter; None for the library's default.
    grid : values to choose from, the most sensitive first.
    """

    parameter: str
    make: Callable[[str, float | None], Watcher]
    grid: tuple[float, ...]


def _levels(first: int, last: int) -> tuple[float, ...]:
    return tuple(round(10.0**-e, 15) for e in np.arange(first, last + 0.5, 0.5))


def _family(detector: Callable[..., Any], parameter: str, grid: tuple[float, ...]) -> Family:
    def make(name: str, value: float | None) -> Watcher:
        return River(name, detector() if value is None else detector(**{parameter: value}))

    return Family(parameter, make, grid)


def _kswin(name: str, value: float | None) -> Watcher:
    return BinaryKSWIN(name) if value is None else BinaryKSWIN(name, value)


FAMILIES: dict[str, Family] = {
    "adwin": _family(ADWIN, "delta", _levels(0, 10)[1:]),
    "ddm": _family(DDM, "drift_threshold", tuple(np.arange(2.0, 10.5, 0.5))),
    "eddm": _family(EDDM, "beta", tuple(np.arange(0.95, 0.05, -0.05).round(2))),
    "hddm-a": _family(HDDMA, "drift_confidence", _levels(1, 12)),
    "hddm-w": _family(HDDMW, "drift_confidence", _levels(1, 12)),
    "kswin": Family("alpha", _kswin, _levels(2, 12)),
    "page-hinkley": _family(PageHinkley, "threshold", tuple(np.geomspace(10, 2_000, 20).round(1))),
}


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The value chosen, and its alarms per million clean records; `within` is false if no value meets the budget."""

    parameter: str
    value: float
    per_million: float
    within: bool


def alarms_per_million(make: Callable[[], Watcher], errors: Sequence[NDArray[np.bool_]]) -> float:
    """Alarms of fresh watchers on streams of errors without a change, of the first kind of each watcher."""
    alarms = 0
    for wrong in errors:
        right = np.zeros(len(wrong), np.int64)
        alarms += len(make().watch(Part(np.zeros((len(wrong), 0), np.float32), wrong.astype(np.int64), right))[0])
    return 1e6 * alarms / sum(map(len, errors))


def calibrate(family: Family, errors: Sequence[NDArray[np.bool_]], budget: float) -> Calibrated:
    """The most sensitive value of the grid with at most `budget` alarms per million; the strictest if none has.

    A bisection: the number of alarms is taken to fall along the grid.
    """
    low, high = 0, len(family.grid) - 1
    measured: dict[int, float] = {}

    def rate(index: int) -> float:
        if index not in measured:
            measured[index] = alarms_per_million(lambda: family.make("", family.grid[index]), errors)
        return measured[index]

    while low < high:
        middle = (low + high) // 2
        if rate(middle) <= budget:
            high = middle
        else:
            low = middle + 1
    return Calibrated(family.parameter, float(family.grid[low]), rate(low), rate(low) <= budget)
