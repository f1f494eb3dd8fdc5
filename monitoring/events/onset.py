"""Between which records the onset of a drift lies."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from monitoring.distribution.blocks import SlidingBlocks

# Splits that are less likely than the likeliest by more than this many nats lie outside: -ln(1 - sqrt(0.95)).
_NATS = 3.676
# Fewest outcomes on either side of a split, as in `monitoring.concept.changepoint`.
_SHORTEST = 8


def between_outcomes(wrong: NDArray[np.bool_]) -> tuple[int, int] | None:
    """First and last index at which one rise of the error rate may have come, with 95% confidence.

    Parameters
    ----------
    wrong : bool [n], in the order of time, with one rise in it.

    Returns
    -------
    None if there is no rise, or too few outcomes.

    References
    ----------
    The set of all splits whose likelihood ratio to the likeliest is not too small: Siegmund, D. (1988), Confidence sets
    in change-point problems, International Statistical Review 56(1). Its limit for small changes, P(log-ratio <= x) =
    (1 - exp(-x))², is that of Hansen, B. E. (2000), Sample splitting and threshold estimation, Econometrica 68(3),
    theorem 2. For a change that is no step it is the set of steps that describe it about as well.
    """
    n = len(wrong)
    if n < 2 * _SHORTEST:
        return None
    before = np.arange(_SHORTEST, n - _SHORTEST + 1, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(wrong, dtype=np.float64)])
    k = sums[_SHORTEST : n - _SHORTEST + 1]
    after, rest = n - before, sums[-1] - k
    fit = xlogy(k, k / before) + xlogy(before - k, 1 - k / before)
    fit += xlogy(rest, rest / after) + xlogy(after - rest, 1 - rest / after)
    fit[rest * before <= k * after] = -np.inf
    if not np.isfinite(best := fit.max()):
        return None
    likely = np.flatnonzero(fit >= best - _NATS)
    return int(likely[0]) + _SHORTEST, int(likely[-1]) + _SHORTEST


def between_blocks(window: SlidingBlocks, onset: int) -> tuple[int, int] | None:
    """Event times of the block before the one that begins at `onset`, and of the one after it.

    A change in the second half of a block hardly shows in it, so it may lie in the block before.

    Returns
    -------
    None if that block is remembered no more.
    """
    starts = [block.start.event_time for block in window.kept]
    if onset not in starts:
        return None
    at = starts.index(onset)
    return starts[max(at - 1, 0)], starts[min(at + 1, len(starts) - 1)]
