"""Counts against reference counts, for many variables at once: effect size, p-value, many questions corrected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri, fdtrc

from monitoring.distribution.layout import Layout

Floats = NDArray[np.float64]

# Cochran's rule: the chi-square distribution holds where each cell expects at least 5. At half, p-values of rare
# categories come out too small.
_EXPECTED = 5.0
# Added to each count before shares are taken, so that an empty bin has a finite share (Jeffreys).
_SMOOTHING = 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Current counts against the reference; arrays of one value a variable, but `shares`, of one a bin.

    Attributes
    ----------
    psi : population stability index, less what chance alone brings, at least 0.
    p_value : chi-square test of homogeneity.
    adjusted : the same after Holm's correction over all variables.
    shares : each bin's part of the uncorrected index; bins too small to stand alone have none.
    rows : current records that were compared.
    """

    psi: Floats
    p_value: Floats
    adjusted: Floats
    shares: Floats
    rows: int


def compare(layout: Layout, current: NDArray[np.int64], *, corrected: bool = True) -> Comparison:
    """Compare counts of all variables.

    Bins that expect fewer than 5 in the smaller sample are pooled into one for each variable; a pool that is still
    too small is left out of the test (given the bins kept, the test is the same).

    Parameters
    ----------
    layout : the bins and their reference counts.
    current : int64 [bins].
    corrected : false leaves `adjusted` as `p_value`, for a caller who corrects it together with other tests.

    References
    ----------
    Yurdakul, B. (2018), Statistical properties of the population stability index, dissertation, Western Michigan
    University: without any drift the index of B bins is about (1/n + 1/m) times a chi-square of B - 1 degrees of
    freedom, so its mean is (B - 1)(1/n + 1/m). That mean is taken off here, so that a small window does not look
    like drift.
    """
    a, b, owner, starts = layout.weights, current.astype(np.float64), layout.owner, layout.starts
    n, m = layout.totals, np.add.reduceat(b, starts)
    known = (n > 0) & (m > 0)
    n, m = np.where(known, n, 1.0), np.where(known, m, 1.0)
    together = a + b
    kept = together * (np.minimum(n, m) / (n + m))[owner] >= _EXPECTED
    dropped = ~kept
    rest_a, rest_b, bins = np.add.reduceat(np.stack([a * dropped, b * dropped, kept]), starts, axis=1)
    rest = rest_a + rest_b

    pool = rest > 0
    smooth = _SMOOTHING * (bins + pool)
    p = (a + _SMOOTHING) / (n + smooth)[owner]
    q = (b + _SMOOTHING) / (m + smooth)[owner]
    shares = (q - p) * np.log(q / p) * kept
    squares = np.divide(a * a, together, out=np.zeros_like(a), where=kept)
    psi, square_sum = np.add.reduceat(np.stack([shares, squares]), starts, axis=1)
    rest_p, rest_q = (rest_a + _SMOOTHING) / (n + smooth), (rest_b + _SMOOTHING) / (m + smooth)
    psi += np.where(pool, (rest_q - rest_p) * np.log(rest_q / rest_p), 0.0)
    psi -= (bins + pool - 1) * (1 / n + 1 / m) * layout.factors

    tested = np.minimum(n, m) / (n + m) * rest >= _EXPECTED
    n_tested, m_tested = n - rest_a * ~tested, m - rest_b * ~tested
    # The 2 x B table's statistic in the form N²/(nm) (Σ a²/t - n²/N), with a of n in a bin and t in both samples.
    square_sum += np.where(tested, rest_a * rest_a / np.maximum(rest, 1.0), 0.0)
    every = n_tested + m_tested
    scale = every * every / np.maximum(n_tested * m_tested, 1.0)
    statistic = scale * (square_sum - n_tested * n_tested / np.maximum(every, 1.0))
    freedom = bins + tested - 1
    p_value = _p_values(layout, np.maximum(statistic, 0.0), np.maximum(freedom, 1.0))
    p_value = np.where(known & (freedom >= 1), p_value, 1.0)
    return Comparison(
        psi=np.where(known, np.maximum(psi, 0.0), 0.0),
        p_value=p_value,
        adjusted=holm(p_value) if corrected else p_value,
        shares=shares,
        rows=int(m.max(initial=0)),
    )


def _p_values(layout: Layout, statistic: Floats, freedom: Floats) -> Floats:
    """Of the chi-square statistics; where records depend on each other, after Satterthwaite.

    What a window varies more than independent records would is taken to be all in one direction (a shift), which has
    the heaviest tail: then the statistic is about g times a chi-square of ν degrees of freedom. Since the excess was
    itself measured on some stretches, an F distribution stands for the chi-square.

    References
    ----------
    Rao, J. N. K. and Scott, A. J. (1984), On chi-squared tests for multiway contingency tables with cell proportions
    estimated from survey data, Annals of Statistics 12(1), section 3 (the second-order correction and its F form).
    """
    out: Floats = chdtrc(freedom, statistic)
    excess = layout.factors > 1.0
    if excess.any():
        b, factor, measured = freedom[excess], layout.factors[excess], layout.stretches[excess] - 1.0
        first = 1.0 + (factor - 1.0) * b
        total, squares = factor * b, first * first + b - 1.0
        out[excess] = fdtrc(total * total / squares, measured, statistic[excess] / total)
    return out


def directed_p_values(layout: Layout, p_values: Floats) -> Floats:
    """P-values of one bin of each variable, float64 [V], made for independent records: what they are without that."""
    excess = layout.factors > 1.0
    if not excess.any():
        return p_values
    out = p_values.copy()
    statistic = chdtri(1.0, np.maximum(p_values[excess], 1e-300)) / layout.directed[excess]
    out[excess] = fdtrc(1.0, layout.stretches[excess] - 1.0, statistic)
    return out


def holm(p_values: Floats) -> Floats:
    """Adjusted p-values: rejecting those below α keeps the chance of any false one at α, whatever their dependence.

    References
    ----------
    Holm, S. (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.maximum.accumulate(np.minimum(p_values[order] * np.arange(n, 0, -1), 1.0))
    out = np.empty(n)
    out[order] = adjusted
    return out
