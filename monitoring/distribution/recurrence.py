"""Has the stream looked like this before? The distribution now, against those of versions watched earlier."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.registry.reference import CategoricalReference, FeatureReference, NumericReference, TextReference
from monitoring.distribution.divergence import compare
from monitoring.distribution.layout import Layout
from monitoring.distribution.stretch import Current

MOST_EARLIER = 4
"""Earlier references remembered: the newest of them."""


def resembles(
    references: Sequence[FeatureReference],
    layout: Layout,
    drifted: NDArray[np.int64],
    current: Current,
    earlier: Mapping[str, FeatureReference],
    minimum_psi: float,
) -> bool:
    """Whether the drifted variables look as they did to an earlier version.

    The earlier counts are moved into the bins of today: between two of its edges a number counts as spread evenly. So
    a likeness is approximate, and is told only where each drifted variable is nearer to the earlier reference than
    `minimum_psi`, and at least four times nearer to it than to its own.

    Parameters
    ----------
    references : of the version watched, in the layout's order of variables.
    drifted : indices of variables.
    earlier : name → reference.
    """
    if not len(drifted):
        return False
    for variable in drifted.tolist():
        mine, theirs = references[variable], earlier.get(references[variable].name)
        if theirs is None or theirs.type != mine.type:
            return False
        bins = layout.bins(variable)
        moved = _moved(theirs, mine)
        if moved is None or not moved.sum():
            return False
        then = compare(Layout({mine.name: moved.tolist()}), current.counts[bins])
        if float(then.psi[0]) >= min(minimum_psi, float(current.comparison.psi[variable]) / 4):
            return False
    return True


def same_as(layout: Layout, counts: NDArray[np.int64], before: NDArray[np.int64], minimum_psi: float) -> bool:
    """Whether counts of all variables, int64 [bins], look as others of the same bins did."""
    names = {name: before[layout.bins(i)].tolist() for i, name in enumerate(layout.names)}
    return bool((compare(Layout(names), counts).psi < minimum_psi).all())


def _moved(theirs: FeatureReference, mine: FeatureReference) -> NDArray[np.int64] | None:
    """Their counts in my bins, the missing last; None where they do not fit."""
    if isinstance(theirs, CategoricalReference):
        if not isinstance(mine, CategoricalReference) or theirs.categories != mine.categories:
            return None
        return np.array([*theirs.counts, theirs.missing], dtype=np.int64)
    if not isinstance(mine, NumericReference | TextReference):
        return None
    if not theirs.edges or not mine.edges:
        return None
    edges = np.array(theirs.edges)
    below = np.cumsum(theirs.counts).astype(np.float64)
    # The end bins have no outer edge: they are taken to be as wide as their neighbours, or a deviation beyond.
    step = max(float(edges[-1] - edges[0]) / max(len(edges) - 1, 1), 1e-9)
    if isinstance(theirs, NumericReference):
        step = max(step, theirs.std)
    knots = np.concatenate([[edges[0] - 2 * step], edges, [edges[-1] + 2 * step]])
    cumulative = np.interp(np.array(mine.edges), knots, np.concatenate([[0.0], below]))
    counts = np.diff(np.concatenate([[0.0], cumulative, [below[-1]]]))
    return np.array([*np.rint(counts), theirs.missing], dtype=np.int64)
