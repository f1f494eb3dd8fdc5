"""How much more the counts of stretches of records vary than those of independent records, by their length."""

import numpy as np
from numpy.typing import NDArray

SHORTEST = 50
"""Records of the shortest stretch; each next length is twice the one before."""

_FEWEST = 4


def overdispersion(bins: NDArray[np.int64], width: int) -> tuple[float, ...]:
    """Pearson's chi-square of stretches against the whole, over its mean for independent records.

    Parameters
    ----------
    bins : of each record in the order of time, int64 [n], from 0 to `width` - 1.

    Returns
    -------
    One factor for each of the lengths 50, 100, 200 … of which at least 4 stretches fit: about 1 for independent
    records, and for an autocorrelated or seasonal feature what its windows vary more than that.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989), Generalized Linear Models, 2nd edition, section 4.5 (the dispersion
    parameter of counts, estimated by Pearson's statistic).

    >>> alternating, in_runs = np.arange(400) % 2, np.arange(400) // 100 % 2
    >>> overdispersion(alternating, 2), overdispersion(in_runs, 2)
    ((0.0, 0.0), (57.0, 133.0))
    """
    n, length = len(bins), SHORTEST
    stretches = n // length
    if stretches < _FEWEST:
        return ()
    used = bins[: stretches * length]
    flat = np.repeat(np.arange(stretches) * width, length) + used
    counts = np.bincount(flat, minlength=stretches * width).reshape(stretches, width).astype(np.float64)
    out = []
    while len(counts) >= _FEWEST:
        out.append(_factor(counts, length))
        if len(counts) % 2:
            counts = counts[:-1]
        counts = counts[::2] + counts[1::2]
        length *= 2
    return tuple(out)


def _factor(counts: NDArray[np.float64], length: int) -> float:
    stretches = len(counts)
    expected = counts.mean(axis=0)
    kept = expected >= 1.0
    freedom = int(kept.sum()) - 1
    if freedom < 1:
        return 1.0
    statistic = ((counts - expected) ** 2)[:, kept] / expected[kept]
    # Stretches are drawn without replacement from the whole, which they add up to.
    share = 1.0 - 1.0 / stretches
    dropped = float(expected[~kept].sum()) / length
    mean = (freedom + dropped) * share * stretches * length / max(stretches * length - 1, 1) * stretches
    return round(float(statistic.sum() / mean), 3)
