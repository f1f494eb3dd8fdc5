"""A detector of changes of an unknown error rate, with a proven bound on its false alarms: an e-detector.

Outcomes become conformal p-values, which are independent and uniform as long as the outcomes are exchangeable, whatever
their rate; bets against that are mixed, each restarted at every outcome (Shiryaev-Roberts).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.conformal import conformal_p_values
from monitoring.detector_state import DetectorState
from monitoring.dispersion import BLOCK, Dispersion

_VERSION = 1
# Bets are on the share of p-values below a limit; the nearer the limit to the error rate, the better. Steps of 1.5.
_LIMITS: NDArray[np.float64] = np.asarray(0.004 * 1.5 ** np.arange(13), dtype=np.float64)
# Factors on the odds of an error: rises of .10 to .15, .28 and .57; and falls to a half.
_RISES = (1.6, 3.5, 12.0)
_FALLS = (0.5,)


class EDetector:
    """Rings when the error rate has risen (or fallen), on average at most once in `1 / rate` outcomes by mistake.

    Each bet multiplies its wealth by f(p), a density on [0, 1]. M = (1 + M) f(p) is then a Shiryaev-Roberts e-detector
    in the p-values' own filtration: M less the number of outcomes is a supermartingale, so E[τ] ≥ E[M(τ)] ≥ 1 / rate
    for the first time τ at which the weighted mean of all M reaches 1 / rate. This holds for independent outcomes of
    any constant rate that nobody needs to know.

    Outcomes that depend on each other would make it ring too often. So f is raised to a power of 1 over the dispersion
    of the very indicator that is bet on, estimated from earlier p-values at the scales at which the bet works. Powers
    below 1 keep the bound (Jensen); that it holds with dependence too is calibration, no theorem.

    After it rang it starts afresh, and knows nothing.

    Parameters
    ----------
    rate : false alarms per outcome.

    Attributes
    ----------
    rose : whether the last ring was for a rise.
    evidence : mean wealth of the bets on a rise: the e-value.

    References
    ----------
    Shin, J., Ramdas, A. and Rinaldo, A. (2023), E-detectors: a nonparametric framework for sequential change detection,
    New England Journal of Statistics in Data Science 2(2), Definition 2.2 and Theorem 2.4.
    Vovk, V., Petej, I., Nouretdinov, I., Ahlberg, E., Carlsson, L. and Gammerman, A. (2021), Retrain or not retrain:
    conformal test martingales for change-point detection, COPA, section 3.

    >>> rng = np.random.default_rng(1)
    >>> detector = EDetector(1e-6)
    >>> detector.until_ring(np.concatenate([rng.random(1_000) < 0.1, rng.random(100) < 0.6])), detector.rose
    (1026, True)
    """

    name = "e-detector"
    memory = 20_000
    reach: int | None = None
    proven = True

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._threshold = 1.0 / rate
        factors = np.array((*_RISES, *_FALLS))
        limits = np.repeat(_LIMITS, len(factors))
        odds = limits / (1.0 - limits) * np.tile(factors, len(_LIMITS))
        bets = odds / (1.0 + odds)
        self._limit = np.repeat(np.arange(len(_LIMITS)), len(factors))
        self._rises: NDArray[np.bool_] = np.tile(factors > 1.0, len(_LIMITS))
        self._log_hit: NDArray[np.float64] = np.log(bets / limits)
        self._log_miss: NDArray[np.float64] = np.log((1.0 - bets) / (1.0 - limits))
        information = bets * self._log_hit + (1.0 - bets) * self._log_miss
        # A bet's work is done within the outcomes that bring it from 1 to the threshold if it is right.
        reach = 2.0 * math.log(self._threshold) / information
        scales = Dispersion(_LIMITS).scales
        self._scale = np.maximum(np.searchsorted(scales, reach, side="right") - 1, 0)
        self._order = np.argsort(~self._rises, kind="stable")
        for name in ("_limit", "_rises", "_log_hit", "_log_miss", "_scale"):
            setattr(self, name, getattr(self, name)[self._order])
        self._n_rises = int(self._rises.sum())
        self._number = 0
        self.rose = False
        self._dispersion = Dispersion(_LIMITS)
        self._forget()

    @property
    def evidence(self) -> float:
        wealth = self._product * (self._wealth + self._restarts)
        return float(wealth[: self._n_rises].mean())

    def learn(self, wrong: NDArray[np.bool_]) -> None:
        """Take outcomes as known history: p-values rank among them, and no bet is made on them."""
        self._rows += len(wrong)
        self._errors += float(np.count_nonzero(wrong))

    def until_ring(self, wrong: NDArray[np.bool_]) -> int | None:
        """Take outcomes, oldest first, until it rings; the index of that one, or None if all were taken."""
        start, n = 0, len(wrong)
        while start < n:
            part = wrong[start : start + BLOCK - self._filled]
            rang = self._take(part)
            if rang is not None:
                self._forget()
                return start + rang
            start += len(part)
        return None

    def update(self, wrong: NDArray[np.bool_]) -> bool:
        """Take outcomes, oldest first; true if any of them made it ring."""
        found, start = False, 0
        while (rang := self.until_ring(wrong[start:])) is not None:
            found, start = True, start + rang + 1
        return found

    def snapshot(self) -> DetectorState:
        """Everything that decides what it says next."""
        return DetectorState(
            river="",
            detector=self.name,
            parameters={"version": _VERSION, "rate": self.rate},
            past={
                "rows": self._rows,
                "errors": self._errors,
                "number": self._number,
                "filled": self._filled,
                "rose": self.rose,
                "wealth": self._wealth.tolist(),
                "product": self._product.tolist(),
                "restarts": self._restarts.tolist(),
                "counts": self._counts.tolist(),
                "hit": self._hit.tolist(),
                "miss": self._miss.tolist(),
                "dispersion": self._dispersion.state(),
            },
        )

    def restore(self, state: DetectorState | None) -> bool:
        """Become what a snapshot said; false, and unchanged, if that is of another detector, rate or version."""
        if state is None or state.detector != self.name:
            return False
        if state.parameters != {"version": _VERSION, "rate": self.rate}:
            return False
        past: dict[str, Any] = state.past
        names = ("wealth", "product", "restarts", "counts", "hit", "miss")
        try:
            dispersion = Dispersion(_LIMITS)
            dispersion.become(past["dispersion"])
            arrays = {name: np.array(past[name], dtype=np.float64) for name in names}
            if any(arrays[name].shape != getattr(self, f"_{name}").shape for name in names):
                return False
            rows, errors, number, filled = (past[name] for name in ("rows", "errors", "number", "filled"))
            self.rose = bool(past["rose"])
        except (KeyError, TypeError, ValueError):
            return False
        self._rows, self._errors, self._number, self._filled = float(rows), float(errors), int(number), int(filled)
        self._dispersion = dispersion
        for name, array in arrays.items():
            setattr(self, f"_{name}", array)
        return True

    def _forget(self) -> None:
        self._rows = self._errors = 0.0
        self._filled = 0
        self._wealth = np.zeros(len(self._limit))
        self._counts = np.zeros(len(_LIMITS))
        self._begin_block()

    def _begin_block(self) -> None:
        """Within a block the wealth is product * (wealth + restarts): two running sums that any cut leaves the same."""
        self._product = np.ones(len(self._limit))
        self._restarts = np.zeros(len(self._limit))
        self._powers()

    def _powers(self) -> None:
        power = 1.0 / self._dispersion.estimate()[self._scale, self._limit]
        self._hit, self._miss = np.exp(power * self._log_hit), np.exp(power * self._log_miss)

    def _take(self, wrong: NDArray[np.bool_]) -> int | None:
        """At most what is left of the block; the index of the outcome it rang at."""
        n = len(wrong)
        p = conformal_p_values(wrong, self._rows, self._errors, self._number)
        hits = p[:, None] <= _LIMITS
        factors = np.where(hits[:, self._limit], self._hit, self._miss)
        products = np.empty((n + 1, len(self._limit)))
        products[0] = self._product
        products[1:] = factors
        np.multiply.accumulate(products, axis=0, out=products)
        restarts = np.empty((n + 1, len(self._limit)))
        restarts[0] = self._restarts
        np.divide(1.0, products[:-1], out=restarts[1:])
        np.add.accumulate(restarts, axis=0, out=restarts)
        wealth = products[1:] * (self._wealth + restarts[1:])
        risen = wealth[:, : self._n_rises].sum(axis=1) >= self._threshold * self._n_rises
        fallen = wealth[:, self._n_rises :].sum(axis=1) >= self._threshold * (len(self._limit) - self._n_rises)
        rang = np.flatnonzero(risen | fallen)
        if len(rang):
            first = int(rang[0])
            self._number += first + 1
            self.rose = bool(risen[first])
            return first
        self._rows += n
        self._errors += float(np.count_nonzero(wrong))
        self._number += n
        self._counts += hits.sum(axis=0)
        self._product, self._restarts = products[-1].copy(), restarts[-1].copy()
        self._filled += n
        if self._filled == BLOCK:
            self._end_block(wealth[-1])
        return None

    def _end_block(self, wealth: NDArray[np.float64]) -> None:
        self._wealth = wealth.copy()
        self._filled = 0
        self._product = np.ones(len(self._limit))
        self._restarts = np.zeros(len(self._limit))
        if self._dispersion.add(self._counts):
            self._powers()
        self._counts = np.zeros(len(_LIMITS))
