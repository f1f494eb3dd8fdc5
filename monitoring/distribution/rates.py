"""Has the share of missing values, or of unknown categories, changed? A test of its own, under its own name."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from monitoring.distribution.layout import Layout

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of one bin in each of V variables, float64 [V].

    Attributes
    ----------
    before, after : in the reference and now; 0 where there is no such bin or no record.
    p_value : of no change; 1 where there is no such bin.
    asked : whether the counts could have said anything, bool [V]: there is such a bin, and neither none nor all of the
        records are in it.
    """

    before: Floats
    after: Floats
    p_value: Floats
    asked: NDArray[np.bool_]

    @classmethod
    def nothing(cls, variables: int) -> "Rates":
        """Of variables that have no such bin, or whose bins have never been met."""
        none = np.zeros(variables)
        return cls(none, none, np.ones(variables), np.zeros(variables, dtype=np.bool_))

    @property
    def change(self) -> Floats:
        return self.after - self.before


def rates(layout: Layout, chosen: NDArray[np.int64], current: NDArray[np.int64]) -> Rates:
    """Compare the share of one bin of each variable.

    Parameters
    ----------
    layout : the bins and their reference counts.
    chosen : flat bin of each variable, int64 [V]; -1 for none.
    current : int64 [bins].

    Notes
    -----
    Two-sided conditional test. Given that a of n and b of m records were in the bin, b of a + b is binomial with share
    m / (n + m) if the two rates are the same and small, whatever they are; there is no smallest count below which it
    fails. For rates that are not small the true law (hypergeometric) is narrower, and small p-values are too large. To
    lose little by it, the rarer of "in the bin" and "not in it" is counted.

    References
    ----------
    Przyborowski, J., Wilenski, H. (1940), Homogeneity of results in testing samples from Poisson series, Biometrika
    31(3/4).
    """
    has = chosen >= 0
    if not (has & ((layout.counts[chosen] > 0) | (current[chosen] > 0))).any():
        return Rates.nothing(len(chosen))
    a, b = layout.weights[chosen] * has, current[chosen] * has.astype(np.float64)
    n, m = layout.totals, np.add.reduceat(current, layout.starts).astype(np.float64)
    safe_n, safe_m = np.maximum(n, 1.0), np.maximum(m, 1.0)
    often = 2 * (a + b) > n + m
    inside_a, inside_b = np.where(often, n - a, a), np.where(often, m - b, b)
    both, share = inside_a + inside_b, safe_m / (safe_n + safe_m)
    asked = has & (both > 0) & (n > 0) & (m > 0)
    at_most = bdtr(inside_b, both.astype(np.int64), share)
    at_least = np.where(inside_b > 0, bdtrc(np.maximum(inside_b - 1, 0), both.astype(np.int64), share), 1.0)
    p_value = np.minimum(2 * np.minimum(at_most, at_least), 1.0)
    return Rates(
        before=np.where(n > 0, a / safe_n, 0.0),
        after=np.where(m > 0, b / safe_m, 0.0),
        p_value=np.where(asked, p_value, 1.0),
        asked=asked,
    )
