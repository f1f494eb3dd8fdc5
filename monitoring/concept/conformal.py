"""Conformal p-values of right and wrong answers: uniform and independent as long as the error rate does not change."""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def conformal_p_values(wrong: NDArray[np.bool_], rows: float, errors: float, number: int) -> NDArray[np.float64]:
    """The smoothed rank of each outcome among all before it and itself; small where it is an error.

    Parameters
    ----------
    wrong : bool [n], oldest first.
    rows, errors : outcomes before the first of them, and errors among those.
    number : of the first; it decides the random numbers that break ties.

    Returns
    -------
    float64 [n] in (0, 1). If the outcomes are exchangeable, these are independent and uniform, whatever the rate.

    References
    ----------
    Vovk, V., Gammerman, A. and Shafer, G. (2022), Algorithmic Learning in a Random World, 2nd edition, chapter 2:
    smoothed conformal p-values are exactly valid.

    >>> conformal_p_values(np.array([True, False]), 9.0, 0.0, 0).round(2).tolist()
    [0.09, 0.48]
    """
    n = len(wrong)
    ties = uniforms(number, n)
    counts = rows + np.arange(1.0, n + 1.0)
    until = errors + np.cumsum(wrong)
    ranks = np.where(wrong, ties * until, until + ties * (counts - until))
    p: NDArray[np.float64] = ranks / counts
    return p


def uniforms(start: int, n: int) -> NDArray[np.float64]:
    """Fixed random numbers by their index, float64 [n] in (0, 1): the same however the stream is cut.

    References
    ----------
    Steele, G. L., Lea, D. and Flood, C. H. (2014), Fast splittable pseudorandom number generators, OOPSLA (SplitMix64).
    """
    z = (np.arange(start + 1, start + n + 1, dtype=np.uint64)) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    z ^= z >> np.uint64(31)
    out: NDArray[np.float64] = ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return out
