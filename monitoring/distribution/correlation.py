"""Do features still depend on one another as they did? A change that leaves each of them as it was shows only here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from driftline.registry.dependence import MOST_SCORE, Dependence, bin_scores
from driftline.registry.reference import CategoricalReference, FeatureReference
from monitoring.distribution.divergence import Floats, holm
from monitoring.distribution.layout import Layout

# Up to this many rows every sum of products of scores is a whole number that float32 holds.
_ROWS_AT_ONCE = 2**24 // MOST_SCORE**2
# From this many features on, single pairs are cheaper than the product of the whole matrix with itself.
_WIDE = 160


@dataclass(frozen=True, slots=True)
class Correlations:
    """P pairs now, against the reference.

    Attributes
    ----------
    before, after : rank correlation in the reference and now, float64 [P].
    p_value : of no change, float64 [P]; 1 where a variable does not vary.
    """

    before: Floats
    after: Floats
    p_value: Floats

    @property
    def change(self) -> Floats:
        return self.after - self.before

    @property
    def adjusted(self) -> Floats:
        """The p-values after Holm's correction over the pairs."""
        return holm(self.p_value)


class Pairs:
    """Sums of products of scores over a stretch of records: fixed memory, whatever the stretch, and they add up.

    Parameters
    ----------
    dependence : what training measured.
    features : the reference's features, in the reference's order; `dependence` counts in it.
    variables : the same in the order of the layout.
    layout : their bins.

    Attributes
    ----------
    first, second : variables of each pair, int64 [P].
    """

    def __init__(
        self,
        dependence: Dependence,
        features: tuple[FeatureReference, ...],
        variables: tuple[FeatureReference, ...],
        layout: Layout,
    ) -> None:
        place = {name: i for i, name in enumerate(layout.names)}
        self.first = np.array([place[features[i].name] for i in dependence.first], dtype=np.int64)
        self.second = np.array([place[features[i].name] for i in dependence.second], dtype=np.int64)
        self._layout = layout
        self._before = np.array(dependence.correlation)
        # Six decimals may have been too few for a pair that depends perfectly.
        self._variance = np.maximum(np.array(dependence.variance), 1.0 / dependence.rows)
        self._rows = dependence.rows
        scores = [
            np.zeros(len(f.counts) + 1) if isinstance(f, CategoricalReference) else np.append(bin_scores(f.counts), 0)
            for f in variables
        ]
        self._scores: Floats = np.concatenate(scores).astype(np.float64)
        self._narrow = self._scores.astype(np.float32)
        self._used, inverse = np.unique(np.concatenate([self.first, self.second]), return_inverse=True)
        self._i, self._j = inverse[: len(self.first)], inverse[len(self.first) :]

    def __len__(self) -> int:
        return len(self.first)

    def count(self, bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sum of each pair's products over records, int64 [P]; `bins` are flat bins, int64 [n, V]."""
        total = np.zeros(len(self), dtype=np.int64)
        for start in range(0, len(bins), _ROWS_AT_ONCE):
            part = bins[start : start + _ROWS_AT_ONCE]
            if len(self._used) < _WIDE:
                scores = self._narrow[part[:, self._used]]
                total += (scores.T @ scores)[self._i, self._j].astype(np.int64)
            else:
                scores = self._narrow[part.T[self._used]]
                total += np.einsum("pn,pn->p", scores[self._i], scores[self._j]).astype(np.int64)
        return total

    def compare(self, counts: NDArray[np.int64], products: NDArray[np.int64]) -> Correlations:
        """Compare one stretch with the reference.

        Parameters
        ----------
        counts, products : of the same records: int64 [bins], and int64 [P] as `count` gives them.

        Notes
        -----
        The correlation is taken about the means of the same records, so a pair does not move because one of its
        features does. Its variance is the reference's (`driftline.registry.dependence`), autocorrelation included.

        References
        ----------
        Steiger, J. H. (1980), Tests for comparing elements of a correlation matrix, Psychological Bulletin 87(2).
        """
        starts = self._layout.starts
        weights = counts * self._scores
        rows, sums, squares = np.add.reduceat(np.stack([counts, weights, weights * self._scores]), starts, axis=1)
        n = np.maximum(rows, 1.0)
        mean = sums / n
        variance = np.maximum(squares / n - mean * mean, 0.0)
        i, j = self.first, self.second
        spread = np.sqrt(variance[i] * variance[j])
        varies = spread > 0
        covariance = products / n[i] - mean[i] * mean[j]
        after = np.clip(np.divide(covariance, spread, out=np.zeros(len(self)), where=varies), -1.0, 1.0)
        error = np.sqrt(self._variance * (1.0 / n[i] + 1.0 / self._rows))
        p_value = np.where(varies, 2 * ndtr(-np.abs(after - self._before) / error), 1.0)
        return Correlations(np.where(varies, self._before, 0.0), after, p_value)
