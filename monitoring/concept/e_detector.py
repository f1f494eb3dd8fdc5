"""A detector of changes of an unknown error rate, with a proven bound on its false alarms: an e-detector.

Outcomes become conformal p-values, which are independent and uniform as long as the outcomes are exchangeable, whatever
their rate; bets against that are mixed, each restarted at every outcome (Shiryaev-Roberts).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.concept.conformal import conformal_p_values
from monitoring.concept.dependence import BLOCK, Dependence, powers
from monitoring.concept.detector_state import DetectorState
from monitoring.concept.trigger import Trigger

_VERSION = 1
# Blocks that are reckoned with at once: some 400 kB for each array.
_AT_ONCE = 16
# Bets are on the share of p-values below a limit; the nearer the limit to the error rate, the better. Steps of 1.5.
_LIMITS: NDArray[np.float64] = np.asarray(0.004 * 1.5 ** np.arange(13), dtype=np.float64)
# Factors on the odds of an error: rises of .10 to .15, .28 and .57; and falls to a half.
_RISES = (1.6, 3.5, 12.0)
_FALLS = (0.5,)
# Index of the scale of `Dependence`, 128 outcomes, in which a version bad from its start shows.
_SHORT = 1


class EDetector:
    """Rings when the error rate has risen (or fallen), on average at most once in `1 / rate` outcomes by mistake.

    Each bet multiplies its wealth by f(p), a density on [0, 1]. M = (1 + M) f(p) is then a Shiryaev-Roberts e-detector
    in the p-values' own filtration: M less the number of outcomes is a supermartingale, so E[τ] ≥ E[M(τ)] ≥ 1 / rate
    for the first time τ at which the weighted mean of all M reaches 1 / rate. This holds for independent outcomes of
    any constant rate that nobody needs to know.

    Outcomes that depend on each other would make it ring too often. So f is raised to the power at which the bet would
    not win if the outcomes were a Markov chain as correlated as they were seen to be, at the scales at which the bet
    works (`concept.dependence`). Powers below 1 make no bet better than fair (Jensen). They are measured on the
    outcomes, though, and the theorem wants them known from the p-values alone: with powers that move, and with
    dependence, the bound is calibration.

    After it rang it starts afresh, and knows nothing but the dependence.

    Parameters
    ----------
    rate : false alarms per outcome.

    Attributes
    ----------
    rose : whether the last ring was for a rise.
    evidence : mean wealth of the bets on a rise, now.
    e_value : the same of the bets that made it ring, at the last ring; at least 1 / rate.

    References
    ----------
    Shin, J., Ramdas, A. and Rinaldo, A. (2023), E-detectors: a nonparametric framework for sequential change detection,
    New England Journal of Statistics in Data Science 2(2), section 2: e-detectors and their average run length.
    Vovk, V., Petej, I., Nouretdinov, I., Ahlberg, E., Carlsson, L. and Gammerman, A. (2021), Retrain or not retrain:
    conformal test martingales for change-point detection, COPA.

    >>> rng = np.random.default_rng(1)
    >>> detector = EDetector(1e-6)
    >>> detector.until_ring(np.concatenate([rng.random(1_000) < 0.1, rng.random(100) < 0.6])), detector.rose
    (1029, True)
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
        self._scale = np.maximum(np.searchsorted(Dependence.scales, reach, side="right") - 1, 0)
        self._order = np.argsort(~self._rises, kind="stable")
        for name in ("_limit", "_rises", "_log_hit", "_log_miss", "_scale"):
            setattr(self, name, getattr(self, name)[self._order])
        self._n_rises = int(self._rises.sum())
        self._number = 0
        self.rose = False
        self.e_value = 0.0
        self._dependence = Dependence()
        self._last = False
        self.forget()

    @property
    def evidence(self) -> float:
        wealth = self._product * (self._wealth + self._restarts)
        return float(wealth[: self._n_rises].mean())

    def learn(self, wrong: NDArray[np.bool_], *, in_order: bool = True) -> None:
        """Take outcomes as known history: p-values rank among them, and no bet is made on them."""
        self._rows += len(wrong)
        self._errors += float(np.count_nonzero(wrong))
        if not in_order or not len(wrong):
            return
        self._last = bool(wrong[0])
        for start in range(0, len(wrong) - BLOCK + 1, BLOCK):
            block = wrong[start : start + BLOCK]
            self._dependence.add(int(np.count_nonzero(block)), self._neighbours(block), self._errors / self._rows)
            self._last = bool(block[-1])
        self._set_powers()

    def until_ring(self, wrong: NDArray[np.bool_]) -> int | None:
        """Take outcomes, oldest first, until it rings; the index of that one, or None if all were taken."""
        start, n = 0, len(wrong)
        while start < n:
            whole = 0 if self._filled else min((n - start) // BLOCK, self._dependence.until_change, _AT_ONCE)
            part = wrong[start : start + (whole * BLOCK or BLOCK - self._filled)]
            rang = self._take_blocks(part) if whole else self._take(part)
            if rang is not None:
                self._number += rang + 1
                self._last = bool(part[rang])
                self.forget()
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
                "rose": self.rose,
                "e_value": self.e_value,
                "wealth": self._wealth.tolist(),
                "product": self._product.tolist(),
                "restarts": self._restarts.tolist(),
                "block": [self._filled, self._filled_errors, self._filled_both, self._last],
                "hit": self._hit.tolist(),
                "miss": self._miss.tolist(),
                "dependence": self._dependence.state(),
            },
        )

    def restore(self, state: DetectorState | None) -> bool:
        """Become what a snapshot said; false, and unchanged, if that is of another detector, rate or version."""
        if state is None or state.detector != self.name:
            return False
        if state.parameters != {"version": _VERSION, "rate": self.rate}:
            return False
        past: dict[str, Any] = state.past
        names = ("wealth", "product", "restarts", "hit", "miss")
        try:
            dependence = Dependence()
            dependence.become(past["dependence"])
            arrays = {name: np.array(past[name], dtype=np.float64) for name in names}
            if any(arrays[name].shape != getattr(self, f"_{name}").shape for name in names):
                return False
            rows, errors, number = (past[name] for name in ("rows", "errors", "number"))
            filled, filled_errors, filled_both, last = past["block"]
            rose, e_value = bool(past["rose"]), float(past["e_value"])
        except (KeyError, TypeError, ValueError):
            return False
        self._rows, self._errors, self._number = float(rows), float(errors), int(number)
        self._filled, self._filled_errors, self._filled_both = int(filled), int(filled_errors), int(filled_both)
        self._last = bool(last)
        self._dependence, self.rose, self.e_value = dependence, rose, e_value
        for name, array in arrays.items():
            setattr(self, f"_{name}", array)
        return True

    def forget(self) -> None:
        """Start afresh: what comes is another world with another rate, only its dependence is thought to stay."""
        self._rows = self._errors = 0.0
        self._wealth = np.zeros(len(self._limit))
        self._begin_block()
        self._set_powers()

    def inherit(self, former: "Trigger") -> None:
        """Begin with the dependence that was measured on another version: most of it is the stream's own."""
        if isinstance(former, EDetector):
            self._dependence.become(former._dependence.state())
            self._set_powers()

    @property
    def dependence(self) -> float:
        """How many outcomes say as much as one independent one would, over a hundred or so; at least 1."""
        rate = self._errors / self._rows if self._rows else 0.0
        correlation = float(self._dependence.correlation(rate)[_SHORT])
        return (1.0 + correlation) / (1.0 - correlation)

    def _begin_block(self) -> None:
        """Within a block the wealth is product * (wealth + restarts): two running sums that any cut leaves the same."""
        self._filled = self._filled_errors = self._filled_both = 0
        self._product = np.ones(len(self._limit))
        self._restarts = np.zeros(len(self._limit))

    def _set_powers(self) -> None:
        rate = self._errors / self._rows if self._rows else 0.0
        correlation = self._dependence.correlation(rate)[self._scale]
        power = powers(rate, correlation, _LIMITS[self._limit], self._log_hit, self._log_miss)
        self._hit, self._miss = np.exp(power * self._log_hit), np.exp(power * self._log_miss)

    def _neighbours(self, wrong: NDArray[np.bool_]) -> int:
        return int(np.count_nonzero(wrong[1:] & wrong[:-1])) + int(self._last and bool(wrong[0]))

    def _take_blocks(self, wrong: NDArray[np.bool_]) -> int | None:
        """Whole blocks, in which the powers do not change: what `_take` makes of them one by one, at once."""
        count, bets = len(wrong) // BLOCK, len(self._limit)
        p = conformal_p_values(wrong, self._rows, self._errors, self._number)
        hits = (p[:, None] <= _LIMITS)[:, self._limit].reshape(count, BLOCK, bets).transpose(1, 0, 2)
        products = np.where(hits, self._hit, self._miss)
        restarts = np.ones((BLOCK, count, bets))
        for at in range(1, BLOCK):
            # Row by row: numpy's accumulate takes ten times as long along the first axis.
            np.divide(1.0, products[at - 1], out=restarts[at])
            restarts[at] += restarts[at - 1]
            products[at] *= products[at - 1]
        before, wealth = np.empty((count, bets)), self._wealth
        for block in range(count):
            before[block] = wealth
            wealth = products[-1, block] * (wealth + restarts[-1, block])
        restarts += before
        restarts *= products
        rang = self._over_threshold(restarts.transpose(1, 0, 2).reshape(-1, bets))
        end = count if rang is None else rang // BLOCK
        follows = np.concatenate([[self._last], wrong[:-1]]) & wrong
        errors = np.add.reduceat(wrong, range(0, len(wrong), BLOCK), dtype=np.int64).tolist()
        both = np.add.reduceat(follows, range(0, len(wrong), BLOCK), dtype=np.int64).tolist()
        for block in range(end):
            self._rows += BLOCK
            self._errors += errors[block]
            changed = self._dependence.add(errors[block], both[block], self._errors / self._rows)
        if rang is not None:
            return rang
        self._number += len(wrong)
        self._last = bool(wrong[-1])
        self._wealth = wealth
        if changed:
            self._set_powers()
        return None

    def _over_threshold(self, wealth: NDArray[np.float64]) -> int | None:
        """The first outcome after which either group of bets has won enough; wealth is float64 [n, bets]."""
        falls = len(self._limit) - self._n_rises
        risen = wealth[:, : self._n_rises].sum(axis=1) / self._n_rises
        fallen = wealth[:, self._n_rises :].sum(axis=1) / falls
        rang = np.flatnonzero((risen >= self._threshold) | (fallen >= self._threshold))
        if not len(rang):
            return None
        first = int(rang[0])
        self.rose = bool(risen[first] >= self._threshold)
        self.e_value = float(risen[first] if self.rose else fallen[first])
        return first

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
        rang = self._over_threshold(wealth)
        if rang is not None:
            return rang
        self._rows += n
        self._errors += float(np.count_nonzero(wrong))
        self._number += n
        self._filled_errors += int(np.count_nonzero(wrong))
        self._filled_both += self._neighbours(wrong)
        self._last = bool(wrong[-1])
        self._product, self._restarts = products[-1].copy(), restarts[-1].copy()
        self._filled += n
        if self._filled == BLOCK:
            self._end_block(wealth[-1])
        return None

    def _end_block(self, wealth: NDArray[np.float64]) -> None:
        self._wealth = wealth.copy()
        changed = self._dependence.add(self._filled_errors, self._filled_both, self._errors / self._rows)
        self._begin_block()
        if changed:
            self._set_powers()
