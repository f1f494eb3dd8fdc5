"""Which variables show a drift, and what changed in each, in words a person can read."""

import math

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import Blame
from driftline.registry.reference import CategoricalReference, FeatureReference, NumericReference
from monitoring.distribution.correlation import Pairs
from monitoring.distribution.criteria import Judgement
from monitoring.distribution.distances import Distances, distances
from monitoring.distribution.geometry import Geometry
from monitoring.distribution.layout import Layout
from monitoring.distribution.stretch import Current

MOST_BLAMED = 20
"""Features named in one event; a stream of a thousand drifted features needs no list of a thousand."""


def blame_features(
    references: tuple[FeatureReference, ...],
    layout: Layout,
    geometry: Geometry,
    drifted: NDArray[np.int64],
    current: Current,
) -> list[Blame]:
    """The drifted features, in the order given; `current` holds moments of the numeric ones, which come first."""
    if not len(drifted):
        return []
    found = distances(layout, geometry, current.counts)
    return [
        Blame(
            feature=layout.names[i],
            score=round(float(current.comparison.psi[i]), 4),
            p_value=float(current.comparison.adjusted[i]),
            detail=_feature_detail(references[i], i, layout, current),
            effects=effects_of(found, geometry, current.judgement, i),
        )
        for i in drifted[:MOST_BLAMED].tolist()
    ]


def blame_pairs(pairs: Pairs | None, layout: Layout, judgement: Judgement) -> list[Blame]:
    """The pairs of features that have come apart, as "(a × b)": in brackets, which no feature's name can hold."""
    found = judgement.correlations
    if pairs is None or found is None:
        return []
    return [
        Blame(
            feature=f"({layout.names[pairs.first[k]]} × {layout.names[pairs.second[k]]})",
            score=round(abs(float(found.change[k])), 4),
            p_value=float(found.adjusted[k]),
            detail=f"correlation {found.before[k]:.2f} → {found.after[k]:.2f}",
            effects={"correlation": round(float(found.change[k]), 4)},
        )
        for k in judgement.apart[:MOST_BLAMED].tolist()
    ]


def effects_of(found: Distances, geometry: Geometry, judgement: Judgement, variable: int) -> dict[str, float]:
    """The further effect sizes of one variable, rounded; a rate only where it has changed."""
    sizes = {"jensen-shannon": float(found.jensen_shannon_corrected[variable])}
    if geometry.ordered[variable]:
        sizes["kolmogorov-smirnov"] = float(found.kolmogorov_smirnov[variable])
        sizes["wasserstein"] = float(found.wasserstein_relative[variable])
    for name, rates in (("missing", judgement.missing), ("unseen", judgement.unseen)):
        if change := float(rates.change[variable]):
            sizes[name] = change
    return {name: round(size, 4) for name, size in sizes.items()}


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
    judged = current.judgement
    if judged.went_missing[variable]:
        return f"missing {share(before[-1], after[-1])}"
    if judged.became_unseen[variable]:
        return f"unknown categories {share(before[-2], after[-2])}"
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
    moved = f"mean {feature.mean:.3g} → {mean:.3g}"
    return f"{moved}, {shift:.1f} std" if math.isfinite(shift) else moved


def interval(edges: tuple[float, ...], index: int) -> str:
    """A bin between ascending edges, in words."""
    if not edges:
        return "present"
    if index == 0:
        return f"up to {edges[0]:.3g}"
    if index == len(edges):
        return f"above {edges[-1]:.3g}"
    return f"{edges[index - 1]:.3g} to {edges[index]:.3g}"
