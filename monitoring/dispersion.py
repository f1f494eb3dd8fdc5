"""How much more a stream of indicators varies than an independent one would: at several scales, in constant memory."""

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Outcomes in a block of the finest scale."""

_FACTOR = 4
_SCALES = 5
# A pair of blocks counts at most as this many times the present estimate: one jump of the rate is no dispersion.
_LARGEST = 8.0
# Pairs before an estimate is used, and those after which the oldest fade.
_FEWEST, _MOST = 4, 500
# An estimate counts as far as it is above 1 by this many standard errors.
_STANDARD_ERRORS = 1.5


class Dispersion:
    """The variance of the counts of adjacent blocks over that of independent indicators (the Allan variance).

    A trend or a jump between blocks hardly shows in differences of neighbours; dependence does.

    Parameters
    ----------
    shares : expected mean of each indicator, float64 [C].

    Attributes
    ----------
    scales : outcomes in a block of each scale, int64 [S].

    References
    ----------
    Allan, D. W. (1966), Statistics of atomic frequency standards, Proceedings of the IEEE 54(2), 221-230.
    """

    def __init__(self, shares: NDArray[np.float64]) -> None:
        self.scales: NDArray[np.int64] = BLOCK * _FACTOR ** np.arange(_SCALES)
        self._variance: NDArray[np.float64] = self.scales[:, None] * (shares * (1.0 - shares))[None, :]
        self._ratio = np.ones((_SCALES, len(shares)))
        self._pairs = np.zeros(_SCALES, dtype=np.int64)
        self._sums = np.zeros((_SCALES, len(shares)))
        self._former = np.zeros((_SCALES, len(shares)))
        self._blocks = 0

    def add(self, counts: NDArray[np.float64]) -> bool:
        """Take the counts of the next block of the finest scale, float64 [C]; true if a pair is complete."""
        self._blocks += 1
        self._sums += counts
        changed = False
        for scale in range(_SCALES):
            size = _FACTOR**scale
            if self._blocks % size:
                break
            if self._blocks // size % 2:
                self._former[scale] = self._sums[scale]
            else:
                self._pair(scale)
                changed = True
            self._sums[scale] = 0.0
        return changed

    def estimate(self) -> NDArray[np.float64]:
        """At least 1, float64 [S, C]: for each scale the largest of it and the finer ones."""
        pairs = np.maximum(self._pairs, 1)[:, None]
        error = np.sqrt((2.0 + 1.0 / self._variance) / pairs)
        sure = np.where(self._pairs[:, None] >= _FEWEST, self._ratio / (1.0 + _STANDARD_ERRORS * error), 1.0)
        out: NDArray[np.float64] = np.maximum.accumulate(np.maximum(sure, 1.0), axis=0)
        return out

    def state(self) -> list[list[float]]:
        """Everything it remembers, as lists."""
        arrays = (self._ratio, self._pairs, self._sums, self._former, np.array([self._blocks]))
        return [array.ravel().astype(np.float64).tolist() for array in arrays]

    def become(self, state: list[list[float]]) -> None:
        """Take over what `state` gave. Raises ValueError if it is of another shape."""
        ratio, pairs, sums, former, blocks = (np.array(values, dtype=np.float64) for values in state)
        shape = self._ratio.shape
        self._ratio, self._sums, self._former = (values.reshape(shape) for values in (ratio, sums, former))
        self._pairs = pairs.reshape(_SCALES).astype(np.int64)
        self._blocks = int(blocks.item())

    def _pair(self, scale: int) -> None:
        difference = self._sums[scale] - self._former[scale]
        ratio = difference * difference / (2.0 * self._variance[scale])
        ratio = np.minimum(ratio, _LARGEST * np.maximum(self._ratio[scale], 1.0))
        self._pairs[scale] = pairs = min(int(self._pairs[scale]) + 1, _MOST)
        self._ratio[scale] += (ratio - self._ratio[scale]) / pairs
