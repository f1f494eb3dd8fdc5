"""How features depended on one another in a model's training data: what no feature's own distribution shows."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from driftline.model.columns import Columns
from driftline.registry.manifest import Document

MOST_PAIRS = 1_024
"""Pairs watched: all of 45 features. Of more features, those that depend most on one another."""

MOST_SCORE = 112
"""Largest score: three and a half standard deviations, reached by a bin that holds fewer than 1 of 2,000 values."""

# Scores are whole numbers of 32nds, so that sums of products add up exactly, in any order.
_UNIT = 32
# Batches whose spread gives the long-run variance. At ten, it is itself off by half in one pair of twenty.
_BATCHES = 30
# Values looked at, at most: 16 million, which is 16,000 rows of 1,000 features. The newest rows are taken.
_MOST_VALUES = 2**24
_DIGITS = 6
_quantile = NormalDist().inv_cdf


class Dependence(Document):
    """Rank correlations of pairs of features, and how well each is known. All tuples have one entry a pair."""

    rows: int
    first: tuple[int, ...] = Field(description="Position in the reference's features.")
    second: tuple[int, ...]
    correlation: tuple[float, ...] = Field(description="Of normal scores; see `bin_scores`.")
    variance: tuple[float, ...] = Field(
        description="Variance of that correlation times the rows it is measured on, autocorrelation included."
    )


def bin_scores(counts: Sequence[int]) -> NDArray[np.int64]:
    """Normal score of each ordered bin in 32nds, int64 [bins]: the normal quantile of its middle rank.

    So a correlation of scores is one of ranks: it does not change when a sensor is rescaled, and no outlier outweighs
    the rest.

    References
    ----------
    van der Waerden, B. L. (1952), Order tests for the two-sample problem and their power, Indagationes
    Mathematicae 14.

    >>> bin_scores([50, 50]).tolist()
    [-22, 22]
    """
    weights = np.asarray(counts, dtype=np.float64)
    total = weights.sum()
    if not total:
        return np.zeros(len(weights), dtype=np.int64)
    middle = (np.cumsum(weights) - weights / 2) / total
    ranks = np.clip(middle, 0.5 / total, 1 - 0.5 / total).tolist()
    scores = np.array([round(_UNIT * _quantile(rank)) for rank in ranks], dtype=np.int64)
    return np.clip(scores, -MOST_SCORE, MOST_SCORE)


def describe_dependence(
    columns: Columns, edges: Sequence[Sequence[float]], counts: Sequence[Sequence[int]], positions: Sequence[int]
) -> Dependence | None:
    """The dependence of numeric features; None if there are no two whose values differ.

    Parameters
    ----------
    columns : the training rows in the order of time.
    edges, counts : reference bins of each column of `columns.numeric`.
    positions : place of each of them in the reference's features.

    Notes
    -----
    The variance of a correlation r over n rows is that of the mean of ψ = uv - r(u² + v²)/2, u and v being the two
    standardised scores. It is taken from the means of 30 batches of successive rows, so that rows that change slowly
    count for as few as they are worth. From 30 means it is off by a quarter, and of 500 pairs the luckiest by half; so
    it is never below what independent rows have, times what autocorrelation costs the average pair.

    References
    ----------
    Influence function of a correlation: Devlin, S. J., Gnanadesikan, R., Kettenring, J. R. (1975), Robust estimation
    and outlier detection with correlation coefficients, Biometrika 62(3). Batch means: Flegal, J. M., Jones, G. L.
    (2010), Batch means and spectral variance estimators in Markov chain Monte Carlo, Annals of Statistics 38(2).
    """
    width = columns.numeric.shape[1]
    rows = min(len(columns), _MOST_VALUES // max(width, 1))
    newest = columns.numeric[len(columns) - rows :]
    if rows < 2 * _BATCHES or width < 2:
        return None
    scores = np.zeros((rows, width), dtype=np.float32)
    for j in range(width):
        bins = np.searchsorted(np.asarray(edges[j], dtype=np.float32), newest[:, j], side="left")
        # NaN sorts beyond the last edge; a missing value has no rank.
        scores[:, j] = np.where(np.isnan(newest[:, j]), 0, bin_scores(counts[j])[bins])
    scores -= scores.mean(axis=0)
    spread = scores.std(axis=0)
    varies = np.flatnonzero(spread > 0)
    if len(varies) < 2:
        return None
    scores = scores[:, varies] / spread[varies]
    first, second = _pairs(scores)
    correlation, independent, ratio = np.empty((3, len(first)))
    for start in range(0, len(first), 64):
        part = slice(start, start + 64)
        u, v = scores[:, first[part]].astype(np.float64), scores[:, second[part]].astype(np.float64)
        r = (u * v).mean(axis=0)
        influence = u * v - r * (u * u + v * v) / 2
        # A perfectly dependent pair has no variance; no correlation is known better than to 1 in `rows`.
        correlation[part], independent[part] = r, np.maximum(influence.var(axis=0), 1.0 / rows)
        ratio[part] = _long_run(influence) / independent[part]
    variance = independent * np.maximum(ratio, max(float(ratio.mean()), 1.0))
    return Dependence(
        rows=rows,
        first=tuple(positions[j] for j in varies[first]),
        second=tuple(positions[j] for j in varies[second]),
        correlation=tuple(round(float(r), _DIGITS) for r in correlation),
        variance=tuple(round(float(v), _DIGITS) for v in variance),
    )


def _pairs(scores: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = np.triu_indices(scores.shape[1], 1)
    if len(first) > MOST_PAIRS:
        strength = np.abs(scores.T @ scores)[first, second]
        chosen = np.sort(np.argpartition(-strength, MOST_PAIRS)[:MOST_PAIRS])
        first, second = first[chosen], second[chosen]
    return first, second


def _long_run(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    length = max(len(influence) // _BATCHES, 1)
    batches = len(influence) // length
    means = influence[: batches * length].reshape(batches, length, -1).mean(axis=1)
    variance: NDArray[np.float64] = length * means.var(axis=0, ddof=1)
    return variance
