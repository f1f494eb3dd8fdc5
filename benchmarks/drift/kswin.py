"""KSWIN on a stream of errors, a thousand times as fast as river's, which tests at every record anew."""

import warnings
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from benchmarks.drift.parts import Part

_WINDOW, _NEWEST = 100, 30
_OLDER = _WINDOW - _NEWEST
# After an alarm the window starts afresh; as many records at once, then twice as many, and so on.
_FIRST_BLOCK, _LONGEST_BLOCK = 256, 8_192


class BinaryKSWIN:
    """River's KSWIN (Raab, Heusinger and Schleif 2020) with its default windows, for errors, which are 0 or 1.

    It draws 30 of the 70 older errors and compares them with the newest 30. A Kolmogorov-Smirnov test of zeros and
    ones depends only on how many ones each side has, and the ones among those drawn are hypergeometric: so the ones are
    drawn, not the errors. The alarms are distributed as river's; which of them fall where depends on the seed.
    """

    def __init__(self, name: str, alpha: float = 0.005, seed: int = 0) -> None:
        self.names = (name,)
        self._rings = _ringing(alpha)
        self._rng = np.random.default_rng(seed)
        self._kept = np.empty(0, np.int64)
        self._block = _FIRST_BLOCK

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        wrong, alarms, at = part.wrong.astype(np.int64), list[int](), 0
        while at < len(wrong):
            block = np.concatenate([self._kept, wrong[at : at + self._block]])
            first = self._first_alarm(block)
            if first is None:
                at += self._block
                self._kept = block[-(_WINDOW - 1) :]
                self._block = min(2 * self._block, _LONGEST_BLOCK)
            else:
                at += first - len(self._kept) + 1
                alarms.append(at - 1)
                self._kept, self._block = wrong[:0], _FIRST_BLOCK
        return [np.array(alarms, np.int64)]

    def fork(self) -> "BinaryKSWIN":
        other = BinaryKSWIN.__new__(BinaryKSWIN)
        other.__dict__.update(self.__dict__)
        other._rng = np.random.default_rng(self._rng.integers(2**63))
        return other

    def _first_alarm(self, errors: NDArray[np.int64]) -> int | None:
        """Index of the first error at which it rings; the first 99 only fill the window."""
        if len(errors) < _WINDOW:
            return None
        ones = np.concatenate([[0], np.cumsum(errors)])
        older = ones[_OLDER : len(ones) - _NEWEST] - ones[: len(ones) - _WINDOW]
        newer = ones[_WINDOW:] - ones[_OLDER : len(ones) - _NEWEST]
        drawn = self._rng.hypergeometric(older, _OLDER - older, _NEWEST)
        rung = np.flatnonzero(self._rings[drawn, newer])
        return int(rung[0]) + _WINDOW - 1 if len(rung) else None


def _ringing(alpha: float) -> NDArray[np.bool_]:
    """Whether so many ones among the drawn and among the newest are an alarm, bool [31, 31]."""
    statistic, p_value = _tests()
    rings: NDArray[np.bool_] = (p_value <= alpha) & (statistic > 0.1)
    return rings


@cache
def _tests() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = np.array([_test(distance) for distance in range(_NEWEST + 1)])
    apart = np.abs(np.subtract.outer(np.arange(_NEWEST + 1), np.arange(_NEWEST + 1)))
    return found[apart, 0], found[apart, 1]


def _test(distance: int) -> tuple[float, float]:
    if not distance:
        return 0.0, 1.0
    zeros, ones = np.zeros(_NEWEST), np.zeros(_NEWEST)
    ones[:distance] = 1.0
    # "exact" is what river's "auto" is for samples of this size; the warning says that it could not be for one of them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=RuntimeWarning)
        result = ks_2samp(zeros, ones, method="exact")
    return float(result.statistic), float(result.pvalue)
