"""River's detectors by their parameters: on the library's defaults, and as sensitive as a false-alarm budget allows."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN, PageHinkley
from river.drift.binary import DDM, EDDM, HDDMA, HDDMW
from scipy.stats import ks_2samp

from benchmarks.drift.watchers import River


class BinaryKSWIN:
    """River's KSWIN for errors, which are 0 or 1: the same alarms, 20 times as fast.

    The Kolmogorov-Smirnov test of two samples of zeros and ones depends only on how many ones each has.
    """

    def __init__(self, alpha: float = 0.005, window_size: int = 100, stat_size: int = 30, seed: int = 0) -> None:
        self._alpha, self._size, self._newest, self._seed = alpha, window_size, stat_size, seed
        self._start([])
        self.drift_detected = False

    def update(self, x: float) -> None:
        if self.drift_detected:
            self._start([])
            self.drift_detected = False
        window = self._window
        window.append(x)
        if len(window) < self._size:
            return
        values = list(window)
        older = sum(values[i] for i in self._random.sample(range(self._size - self._newest), self._newest))
        newer = sum(values[self._size - self._newest :])
        statistic, p_value = _two_samples(int(older), int(newer), self._newest)
        if p_value <= self._alpha and statistic > 0.1:
            self.drift_detected = True

    def _start(self, values: list[float]) -> None:
        self._window: deque[float] = deque(values, maxlen=self._size)
        self._random = random.Random(self._seed)


@cache
def _two_samples(older: int, newer: int, n: int) -> tuple[float, float]:
    zeros_and_ones = [[0.0] * (n - ones) + [1.0] * ones for ones in (older, newer)]
    result = ks_2samp(*zeros_and_ones, method="auto")
    return float(result.statistic), float(result.pvalue)


@dataclass(frozen=True, slots=True)
class Family:
    """A detector with one parameter that decides how careful it is.

    Attributes
    ----------
    make : the detector for a value of the parameter; None for the library's default.
    grid : values to choose from, the most sensitive first.
    """

    parameter: str
    make: Callable[[float | None], Any]
    grid: tuple[float, ...]


def _levels(first: int, last: int) -> tuple[float, ...]:
    return tuple(round(10.0**-e, 15) for e in np.arange(first, last + 0.5, 0.5))


def _with(detector: Callable[..., Any], parameter: str, **fixed: Any) -> Callable[[float | None], Any]:
    return lambda value: detector(**fixed) if value is None else detector(**{parameter: value, **fixed})


FAMILIES: dict[str, Family] = {
    "adwin": Family("delta", _with(ADWIN, "delta"), _levels(0, 10)[1:]),
    "ddm": Family("drift_threshold", _with(DDM, "drift_threshold"), tuple(np.arange(2.0, 10.5, 0.5))),
    "eddm": Family("beta", _with(EDDM, "beta"), tuple(np.arange(0.95, 0.05, -0.05).round(2))),
    "hddm-a": Family("drift_confidence", _with(HDDMA, "drift_confidence"), _levels(1, 12)),
    "hddm-w": Family("drift_confidence", _with(HDDMW, "drift_confidence"), _levels(1, 12)),
    "kswin": Family("alpha", _with(BinaryKSWIN, "alpha"), _levels(2, 12)),
    "page-hinkley": Family("threshold", _with(PageHinkley, "threshold"), tuple(np.geomspace(10, 2_000, 20).round(1))),
}


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The value chosen, and its alarms per million clean records; `within` is false if no value meets the budget."""

    parameter: str
    value: float
    per_million: float
    within: bool


def alarms_per_million(detector: Callable[[], Any], errors: Sequence[NDArray[np.bool_]]) -> float:
    """Alarms of fresh detectors on streams of errors without a change."""
    alarms = 0
    for stream in errors:
        one = detector()
        for value in stream.astype(np.float64).tolist():
            one.update(value)
            alarms += bool(one.drift_detected)
    return 1e6 * alarms / sum(map(len, errors))


def calibrate(family: Family, errors: Sequence[NDArray[np.bool_]], budget: float) -> Calibrated:
    """The most sensitive value of the grid with at most `budget` alarms per million; the strictest if none has.

    A bisection: the number of alarms is taken to fall along the grid.
    """
    low, high = 0, len(family.grid) - 1
    measured: dict[int, float] = {}

    def rate(index: int) -> float:
        if index not in measured:
            measured[index] = alarms_per_million(lambda: family.make(family.grid[index]), errors)
        return measured[index]

    while low < high:
        middle = (low + high) // 2
        if rate(middle) <= budget:
            high = middle
        else:
            low = middle + 1
    return Calibrated(family.parameter, float(family.grid[low]), rate(low), rate(low) <= budget)


def river_watcher(name: str, value: float | None, label: str) -> River:
    """A detector under a name of its own; `value` None for the library's defaults."""
    return River(f"{name} {label}", FAMILIES[name].make(value))
