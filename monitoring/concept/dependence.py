"""How far successive errors hang together, at several scales: measured on the stream itself, in constant memory."""

import math

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Outcomes in a block of the finest scale."""

_FACTOR = 4
_SCALES = 5
# A pair of blocks counts at most as this many times the present estimate: one jump of the rate is no dependence.
_LARGEST = 8.0
# Pairs before an estimate is used, and those after which the oldest fade.
_FEWEST, _MOST = 4, 200
# The same for neighbours.
_FEWEST_NEIGHBOURS, _MOST_NEIGHBOURS = 64, 8_192
# An estimate counts as far as it is above independence by this many standard errors.
_STANDARD_ERRORS = 1.0
_STEPS = 10


class Dependence:
    """The correlation of a first-order Markov chain that varies as much as the outcomes do, for each scale.

    Two sources: the correlation of neighbours, and the variance of the counts of adjacent blocks over that of
    independent outcomes (the Allan variance), which for a chain of correlation r is (1 + r) / (1 - r). A trend or a
    jump between blocks hardly shows in differences of neighbours; dependence and seasons do.

    Attributes
    ----------
    scales : outcomes in a block of each scale, int64 [S].

    References
    ----------
    Allan, D. W. (1966), Statistics of atomic frequency standards, Proceedings of the IEEE 54(2), 221-230.
    """

    scales: NDArray[np.int64] = BLOCK * _FACTOR ** np.arange(_SCALES)

    def __init__(self) -> None:
        self._blocks = 0
        self._ratio = [1.0] * _SCALES
        self._pairs = [0] * _SCALES
        self._sums = [0.0] * _SCALES
        self._former = [0.0] * _SCALES
        self._neighbours = self._errors = self._both = 0.0

    @property
    def until_change(self) -> int:
        """Blocks until the estimates may change."""
        return next(n for n in range(1, 33) if self._changes(self._blocks + n))

    def add(self, errors: int, both: int, rate: float) -> bool:
        """Take the next block.

        Parameters
        ----------
        errors : of the block.
        both : outcomes of it that are wrong and follow a wrong one.
        rate : of errors as it is known.

        Returns
        -------
        Whether the estimates may have changed.
        """
        fade = min(1.0, _MOST_NEIGHBOURS / (self._neighbours + BLOCK))
        self._neighbours = (self._neighbours + BLOCK) * fade
        self._errors = (self._errors + errors) * fade
        self._both = (self._both + both) * fade
        self._blocks += 1
        variance = max(rate * (1.0 - rate), 1e-9)
        for scale in range(_SCALES):
            size = _FACTOR**scale
            self._sums[scale] += errors
            if self._blocks % size:
                continue
            if self._blocks // size % 2:
                self._former[scale] = self._sums[scale]
            else:
                self._pair(scale, variance * size * BLOCK)
            self._sums[scale] = 0.0
        return self._changes(self._blocks)

    def correlation(self, rate: float) -> NDArray[np.float64]:
        """At least 0, float64 [S]: for each scale the largest of it and the finer ones."""
        found = self._of_neighbours()
        variance = max(rate * (1.0 - rate), 1e-9)
        out = np.empty(_SCALES)
        for scale, (ratio, pairs) in enumerate(zip(self._ratio, self._pairs, strict=True)):
            if pairs >= _FEWEST:
                error = math.sqrt((2.0 + 1.0 / (variance * self.scales[scale])) / pairs)
                sure = ratio / (1.0 + _STANDARD_ERRORS * error)
                found = max(found, (sure - 1.0) / (sure + 1.0))
            out[scale] = found
        return out

    def state(self) -> list[list[float]]:
        """Everything it remembers, as lists."""
        small = [float(self._blocks), self._neighbours, self._errors, self._both]
        return [small, list(self._ratio), [float(n) for n in self._pairs], list(self._sums), list(self._former)]

    def become(self, state: list[list[float]]) -> None:
        """Take over what `state` gave. Raises ValueError if it is of another shape."""
        small, ratio, pairs, sums, former = state
        if len(small) != 4 or any(len(values) != _SCALES for values in (ratio, pairs, sums, former)):
            raise ValueError("dependence: of another shape")
        self._blocks, (self._neighbours, self._errors, self._both) = int(small[0]), small[1:]
        self._ratio, self._pairs = list(ratio), [int(n) for n in pairs]
        self._sums, self._former = list(sums), list(former)

    @staticmethod
    def _changes(blocks: int) -> bool:
        # Often as long as little is known, then every 256 outcomes, and every 1,024 after 4,096.
        return blocks in (2, 4) or not blocks % (8 if blocks <= 128 else 32)

    def _pair(self, scale: int, variance: float) -> None:
        difference = self._sums[scale] - self._former[scale]
        ratio = min(difference * difference / (2.0 * variance), _LARGEST * max(self._ratio[scale], 1.0))
        self._pairs[scale] = pairs = min(self._pairs[scale] + 1, _MOST)
        self._ratio[scale] += (ratio - self._ratio[scale]) / pairs

    def _of_neighbours(self) -> float:
        n = self._neighbours
        rate = self._errors / n if n else 0.0
        if n < _FEWEST_NEIGHBOURS or not 0.0 < rate < 1.0:
            return 0.0
        correlation = (self._both / n - rate * rate) / (rate * (1.0 - rate))
        # Rare errors: pairs of them are so few that their number is Poisson.
        error = math.sqrt((1.0 + 1.0 / (n * rate * rate)) / n)
        return min(max(correlation - _STANDARD_ERRORS * error, 0.0), 0.99)


def powers(
    rate: float,
    correlation: NDArray[np.float64],
    limits: NDArray[np.float64],
    log_hit: NDArray[np.float64],
    log_miss: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The powers of bets at which their wealth does not grow in the mean, if the errors are a Markov chain.

    The mean wealth of a bet f^power grows by the Perron root of the chain's transitions, each weighted by the mean of
    f^power in the state it leads to. That root is 1 at power 0, falls, and is 1 again at the power looked for, which
    is 1 for independent outcomes.

    Parameters
    ----------
    rate : of errors.
    correlation, limits, log_hit, log_miss : float64 [I], of each bet: the chain's correlation, the p-value up to which
        it is hit, and the logarithms of its factors.

    Returns
    -------
    float64 [I] in (0, 1].

    References
    ----------
    Asmussen, S. (2003), Applied Probability and Queues, 2nd edition, XI.2 (Lundberg's equation, Markov-modulated).
    """
    out = np.ones(len(limits))
    asked = np.flatnonzero(correlation > 0.0)
    if not len(asked) or not 0.0 < rate < 1.0:
        return out
    r, c, hit, miss = (values[asked] for values in (correlation, limits, log_hit, log_miss))
    to_wrong = np.minimum(c / rate, 1.0)
    to_right = np.maximum((c - rate) / (1.0 - rate), 0.0)
    stay_wrong, stay_right = rate + r * (1.0 - rate), 1.0 - rate * (1.0 - r)
    low, high = np.zeros(len(asked)), np.ones(len(asked))
    for _ in range(_STEPS):
        power = (low + high) / 2.0
        up, down = np.exp(power * hit), np.exp(power * miss)
        wrong, right = to_wrong * up + (1.0 - to_wrong) * down, to_right * up + (1.0 - to_right) * down
        a, d = stay_wrong * wrong, stay_right * right
        product = (1.0 - stay_wrong) * (1.0 - stay_right) * wrong * right
        fair = (a <= 1.0) & (d <= 1.0) & ((1.0 - a) * (1.0 - d) >= product)
        low, high = np.where(fair, power, low), np.where(fair, high, power)
    out[asked] = np.maximum(low, 2.0**-_STEPS)
    return out
