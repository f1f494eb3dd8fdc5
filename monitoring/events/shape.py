"""How a change went: at once, by turns of the old world and the new, or in small steps."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy

Floats = NDArray[np.float64]
Shape = Literal["abrupt", "gradual", "incremental"]

# A shape is told if it is this much likelier (nats; a factor of 20) than any of the other kind.
_LIKELIER = 3.0
# A transition over fewer records than this is abrupt to anyone who has to train on what comes after it.
WIDE = 100
# To call a change abrupt, a ramp over this many records must be ruled out. To rule out one over 100, a rise from 10%
# to 30% is too small.
SLOW = 250
# Chunks that a sequence is cut into at most, and places of a change that are tried: a few ms.
_CHUNKS = 100
_POSITIONS = 50
_STEPS = 300
_WIDTHS = 10
# Fewest records since the onset, and errors (or hits) on either side, below which nothing is said.
_FEWEST = 100
_FEWEST_HITS = 5
# The records of a transition are no mixture of the old world and the new if a mixture is this unlikely.
_NO_MIXTURE = 0.001
_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Transition:
    """The likeliest way from one rate to another.

    Attributes
    ----------
    start, width : records; the rate leaves its old level at `start` and has its new one at `start + width`.
    over_step : how much likelier than the best step, nats, at least 0.
    over_ramp : how much likelier the best step is than the best ramp of at least `SLOW` records, nats, at least 0.
    """

    start: int
    width: int
    over_step: float
    over_ramp: float

    @property
    def wide(self) -> bool | None:
        """Whether the change took its time; None if that cannot be told."""
        if self.width >= WIDE and self.over_step >= _LIKELIER:
            return True
        if self.over_ramp >= _LIKELIER:
            return False
        return None


def transition(hits: NDArray[np.bool_] | Floats, rows: Floats | None = None) -> Transition | None:
    """Fit a step and ramps of all widths to a rate that changes once, by maximum likelihood.

    Parameters
    ----------
    hits : bool [n], or counts float64 [n] of `rows` records each.
    rows : float64 [n]; one record each by default.

    Returns
    -------
    None if there are too few records to fit anything.

    References
    ----------
    The change point of a step as in Hinkley and Hinkley (1970, see `concept.changepoint`); a ramp is the same model
    with one more free parameter, so the difference of their log-likelihoods is judged as a likelihood ratio.
    """
    k = np.asarray(hits, dtype=np.float64)
    n = np.ones(len(k)) if rows is None else rows
    total, found = float(n.sum()), float(k.sum())
    if total < 2 * _FEWEST or min(found, total - found) < 2 * _FEWEST_HITS:
        return None
    k, n = _chunked(k, n)
    ends = np.cumsum(n)
    fine = np.linspace(0.01, 0.99, _STEPS) * total
    # A step inside a chunk: the chunk's rate is that of its two parts.
    step = _best(np.clip((ends - fine[:, None]) / n, 0.0, 1.0), k, n, fine, 0.0)
    coarse, middle = np.linspace(0.01, 0.99, _POSITIONS) * total, ends - n / 2
    ramps = [
        _best(np.clip((middle - coarse[:, None]) / width, 0.0, 1.0), k, n, coarse, float(width))
        for width in np.geomspace(WIDE / 4, max(total, SLOW), _WIDTHS)
    ]
    narrow = max([step, *(ramp for ramp in ramps if ramp.width < WIDE)], key=_likelihood)
    wide = max((ramp for ramp in ramps if ramp.width >= WIDE), key=_likelihood)
    slow = max((ramp for ramp in ramps if ramp.width >= SLOW), key=_likelihood)
    chosen = max(narrow, wide, key=_likelihood)
    return Transition(
        start=int(chosen.start),
        width=int(chosen.width),
        over_step=max(wide.likelihood - narrow.likelihood, 0.0),
        over_ramp=max(narrow.likelihood - slow.likelihood, 0.0),
    )


def is_mixture(before: Floats, during: Floats, after: Floats) -> bool | None:
    """Whether the records of a transition can be a mixture of those before it and those after it.

    In a gradual change each record is wholly of the old world or of the new; so the counts of any cells during the
    transition are a mixture of their shares before and after, with one weight. In an incremental change there are
    worlds in between.

    Parameters
    ----------
    before, during, after : counts of the same cells, float64 [cells].

    Returns
    -------
    None if there are too few records, or too few cells, for a difference to be seen.

    References
    ----------
    The kinds are those of Gama, J. et al. (2014), A survey on concept drift adaptation, ACM Computing Surveys 46(4),
    section 2.3. Goodness of fit is Pearson's chi-square with the uncertainty of the shares added to the variance.
    """
    n0, n, n1 = before.sum(), during.sum(), after.sum()
    if min(n0, n, n1) < _FEWEST / 2:
        return None
    p, q = before / n0, after / n1
    weight = _mixing(p, q, during)
    expected = ((1 - weight) * p + weight * q) * n
    kept = expected >= _EXPECTED
    cells = int(kept.sum())
    if cells < 3:
        return None
    # Of the counts themselves, and of the shares they are compared with, which were counted too.
    variance = expected + n * n * ((1 - weight) ** 2 * p / n0 + weight**2 * q / n1)
    statistic = float((((during - expected) ** 2) / np.maximum(variance, 1e-9))[kept].sum())
    return bool(chdtrc(max(cells - 2, 1), statistic) >= _NO_MIXTURE)


def named(change: Transition | None, mixture: bool | None) -> Shape | None:
    """The shape; None if it cannot be told."""
    wide = change.wide if change else None
    if wide is None:
        return None
    if not wide:
        return "abrupt"
    if mixture is None:
        return None
    return "gradual" if mixture else "incremental"


@dataclass(frozen=True, slots=True)
class _Fitted:
    likelihood: float
    start: float
    width: float


def _likelihood(fitted: _Fitted) -> float:
    return fitted.likelihood


def _best(gone: Floats, k: Floats, n: Floats, starts: Floats, width: float) -> _Fitted:
    """The likeliest of the rows of `gone` [positions, chunks]: how far the change has gone in each chunk."""
    fit = _fit(gone, k, n)
    at = int(np.argmax(fit))
    return _Fitted(float(fit[at]), float(starts[at]), width)


def _chunked(k: Floats, n: Floats) -> tuple[Floats, Floats]:
    if len(k) <= _CHUNKS:
        return k, n
    edges = np.linspace(0, len(k), _CHUNKS + 1).astype(np.int64)[:-1]
    return np.add.reduceat(k, edges), np.add.reduceat(n, edges)


def _fit(gone: Floats, k: Floats, n: Floats) -> Floats:
    """Log-likelihood of each row of `gone` [M, chunks] at its two rates of least squares; float64 [M]."""
    y = k / n
    # Weighted least squares of y on [1 - gone, gone], in closed form.
    a = ((1 - gone) ** 2 * n).sum(axis=1)
    b = ((1 - gone) * gone * n).sum(axis=1)
    c = (gone**2 * n).sum(axis=1)
    u, v = ((1 - gone) * (n * y)).sum(axis=1), (gone * (n * y)).sum(axis=1)
    det = a * c - b * b
    safe = np.where(np.abs(det) > 1e-9, det, np.nan)
    old, new = (c * u - b * v) / safe, (a * v - b * u) / safe
    rate = np.clip(old[:, None] + (new - old)[:, None] * gone, 1e-4, 1 - 1e-4)
    likelihood = (xlogy(k, rate) + xlogy(n - k, 1 - rate)).sum(axis=1)
    out: Floats = np.where(np.isfinite(safe), likelihood, -np.inf)
    return out


def _mixing(p: Floats, q: Floats, counts: Floats) -> float:
    """The maximum-likelihood weight of q in a mixture of p and q, by expectation and maximisation."""
    weight = 0.5
    for _ in range(50):
        both = (1 - weight) * p + weight * q
        mine = np.divide(weight * q, both, out=np.zeros_like(q), where=both > 0)
        weight = float((counts * mine).sum() / max(counts.sum(), 1e-9))
    return weight
