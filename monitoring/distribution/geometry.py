"""What the bins of a layout mean: which have an order, how far apart they lie, which count the missing and unseen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.registry.reference import CategoricalReference, FeatureReference, NumericReference


@dataclass(frozen=True, slots=True)
class Geometry:
    """The meaning of V variables' bins, in the order of their layout.

    Attributes
    ----------
    gaps : how far the next bin's value lies from this one's, in the variable's own units, float64 [bins]; 0 at the last
        ordered bin, and in bins without an order.
    present : whether a bin counts values, and not the missing, bool [bins].
    ordered : whether a variable's values have an order, bool [V].
    scale : standard deviation of each variable in the reference, float64 [V]; 1 where it is none.
    missing, unseen : flat bin of a variable's missing values and of its unknown categories, int64 [V]; -1 for none.
    """

    gaps: NDArray[np.float64]
    present: NDArray[np.bool_]
    ordered: NDArray[np.bool_]
    scale: NDArray[np.float64]
    missing: NDArray[np.int64]
    unseen: NDArray[np.int64]

    @classmethod
    def of_features(cls, references: Sequence[FeatureReference]) -> "Geometry":
        """Of variables whose bins are a reference's counts and then its missing."""
        gaps, scale, missing, unseen = [], [], [], []
        at = 0
        for reference in references:
            bins = len(reference.counts)
            missing.append(at + bins)
            unseen.append(at + bins - 1 if isinstance(reference, CategoricalReference) else -1)
            edges = () if isinstance(reference, CategoricalReference) else reference.edges
            std = reference.std if isinstance(reference, NumericReference) else 0.0
            gaps.append(np.append(gaps_between(edges, std, bins), 0.0))
            scale.append(std or _spread(gaps[-1], reference.counts) or 1.0)
            at += bins + 1
        present = np.ones(at, dtype=np.bool_)
        present[missing] = False
        ordered = [not isinstance(reference, CategoricalReference) for reference in references]
        return cls(
            np.concatenate(gaps) if gaps else np.zeros(0),
            present,
            np.array(ordered, dtype=np.bool_),
            np.array(scale, dtype=np.float64),
            np.array(missing, dtype=np.int64),
            np.array(unseen, dtype=np.int64),
        )

    @classmethod
    def of_answers(cls, classes: int, edges: Sequence[float], counts: Sequence[int]) -> "Geometry":
        """Of two variables, the class (no order) and the confidence between `edges`; both are never missing."""
        sure = gaps_between(edges, 0.0, len(edges) + 1)
        nothing = np.full(2, -1, dtype=np.int64)
        return cls(
            np.concatenate([np.zeros(classes), sure]),
            np.ones(classes + len(sure), dtype=np.bool_),
            np.array([False, True]),
            np.array([1.0, _spread(sure, counts) or 1.0]),
            nothing,
            nothing,
        )


def gaps_between(edges: Sequence[float], std: float, bins: int) -> NDArray[np.float64]:
    """Distance from each bin's value to the next one's, float64 [bins]; the last is 0.

    A bin's value is the middle between its edges. The end bins have one edge only: they are taken to be as wide as
    their neighbour. Of a single edge nothing is known but the standard deviation.
    """
    gaps = np.zeros(bins)
    if len(edges) == 1:
        gaps[0] = std or 1.0
    elif len(edges) > 1:
        widths = np.diff(np.asarray(edges, dtype=np.float64))
        widths = np.concatenate([widths[:1], widths, widths[-1:]])
        gaps[:-1] = (widths[:-1] + widths[1:]) / 2
    return gaps


def _spread(gaps: NDArray[np.float64], counts: Sequence[int]) -> float:
    """Standard deviation of binned values; 0 if there is none."""
    weights = np.asarray(counts, dtype=np.float64)
    if not weights.sum():
        return 0.0
    values = np.concatenate([[0.0], np.cumsum(gaps)])[: len(weights)]
    mean = np.average(values, weights=weights)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
