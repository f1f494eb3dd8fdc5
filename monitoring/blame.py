"""Which variables show a drift, and what changed in each, in words a person can read."""

import math

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import Blame
from driftline.registry.reference import CategoricalReference, FeatureReference, NumericReference
from monitoring.blocks import Current
from monitoring.layout import Layout

MOST_BLAMED = 20
"""Features named in one event; a stream of a thousand drifted features needs no list of a thousand."""


def blame_features(
    references: tuple[FeatureReference, ...], layout: Layout, drifted: NDArray[np.int64], current: Current
) -> list[Blame]:
    """The drifted features, in the order given; `current` holds moments of the numeric ones, which come first."""
    return [
        Blame(
            feature=layout.names[i],
            score=round(float(current.comparison.psi[i]), 4),
            p_value=float(current.comparison.adjusted[i]),
            detail=_feature_detail(references[i], i, layout, current),
        )
        for i in drifted[:MOST_BLAMED].tolist()
    ]


def share(before: float, after: float) -> str:
    """'2% → 31%'."""
    digits = 0 if abs(after - before) >= 0.02 else 1
    return f"{before:.{digits}%} → {after:.{digits}%}"


def shares_of(layout: Layout, variable: int, current: Current) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of each bin in the reference and now."""
    bins = layout.bins(variable)
    before, after = layout.counts[bins], current.counts[bins]
    return before / max(before.sum(), 1), after / max(after.sum(), 1)


def _feature_detail(feature: FeatureReference, variable: int, layout: Layout, current: Current) -> str:
    before, after = shares_of(layout, variable, current)
    parts = current.comparison.shares[layout.bins(variable)]
    strongest = int(np.argmax(parts))
    if strongest == len(parts) - 1:
        return f"missing {share(before[-1], after[-1])}"
    if isinstance(feature, CategoricalReference):
        if strongest == len(feature.categories):
            return f"unknown categories {share(before[strongest], after[strongest])}"
        return f'category "{feature.categories[strongest]}" {share(before[strongest], after[strongest])}'
    if isinstance(feature, NumericReference):
        moved = _moments(feature, current.moments[:, variable])
        if moved:
            return moved
    return f"{interval(feature.edges, strongest)} {share(before[strongest], after[strongest])}"


def _moments(feature: NumericReference, moments: NDArray[np.float64]) -> str:
    """How mean or spread changed, whichever says more; empty if neither says anything."""
    count, total, squares = moments.tolist()
    if not count:
        return ""
    mean = total / count
    std = math.sqrt(max(squares / count - mean * mean, 0.0))
    shift = abs(mean - feature.mean) / feature.std if feature.std else math.inf * abs(mean - feature.mean or 0)
    spread = abs(math.log(std / feature.std)) if std and feature.std else 0.0
    if max(shift if not math.isnan(shift) else 0.0, spread) < 0.1:
        return ""
    if spread > shift:
        return f"std {feature.std:.3g} → {std:.3g}"
    return f"mean {feature.mean:.3g} → {mean:.3g}"


def interval(edges: tuple[float, ...], index: int) -> str:
    """A bin between ascending edges, in words."""
    if not edges:
        return "present"
    if index == 0:
        return f"up to {edges[0]:.3g}"
    if index == len(edges):
        return f"above {edges[-1]:.3g}"
    return f"{edges[index - 1]:.3g} to {edges[index]:.3g}"
