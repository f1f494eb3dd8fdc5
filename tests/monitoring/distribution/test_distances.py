"""The distances are the textbook's, on the sample that the counts stand for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from driftline.registry.reference import CategoricalReference, FeatureReference, NumericReference
from monitoring.distribution.distances import Distances, distances
from monitoring.distribution.geometry import Geometry, gaps_between
from monitoring.distribution.layout import Layout

EDGES = (-2.0, -0.5, 0.25, 1.0, 4.0)
COUNTS = arrays(np.int64, (2, 7), elements=st.integers(0, 60))


def compared(references: list[FeatureReference], current: NDArray[np.int64]) -> Distances:
    layout = Layout({f.name: (*f.counts, f.missing) for f in references})
    return distances(layout, Geometry.of_features(references), current)


def numeric(name: str, counts: NDArray[np.int64], std: float = 2.0) -> NumericReference:
    return NumericReference(
        name=name, edges=EDGES, counts=tuple(counts[:-1].tolist()), missing=int(counts[-1]), std=std
    )


def listed(name: str, counts: NDArray[np.int64]) -> CategoricalReference:
    names = tuple(f"c{i}" for i in range(len(counts) - 2))
    return CategoricalReference(
        name=name, categories=names, counts=tuple(counts[:-1].tolist()), missing=int(counts[-1])
    )


def sample(counts: NDArray[np.int64], values: NDArray[Any]) -> NDArray[Any]:
    return np.repeat(values, counts)


@settings(max_examples=150, deadline=None)
@given(COUNTS, COUNTS)
def test_all_are_scipys_whatever_stands_before_and_after(counts: NDArray[np.int64], others: NDArray[np.int64]) -> None:
    references: list[FeatureReference] = [numeric("b", others[0]), numeric("x", counts[0]), listed("c", others[1])]
    found = compared(references, np.concatenate([others[1], counts[1], others[0]]))
    before, after = counts
    if before.sum() and after.sum():
        expected = jensenshannon(before, after, base=2)
        assert found.jensen_shannon[1] == pytest.approx(expected, abs=2e-6)
    else:
        assert found.jensen_shannon[1] == 0
    if not (before[:-1].sum() and after[:-1].sum()):
        assert found.kolmogorov_smirnov[1] == found.wasserstein[1] == 0
        return
    codes = np.arange(6)
    smirnov = ks_2samp(sample(before[:-1], codes), sample(after[:-1], codes), method="asymp").statistic
    assert found.kolmogorov_smirnov[1] == pytest.approx(smirnov, abs=1e-9)
    middles = np.concatenate([[0.0], np.cumsum(gaps_between(EDGES, 2.0, 6)[:-1])])
    moved = wasserstein_distance(middles, middles, before[:-1], after[:-1])
    assert found.wasserstein[1] == pytest.approx(moved, abs=1e-9)
    assert found.wasserstein_relative[1] == pytest.approx(moved / 2.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (2, 9), elements=st.integers(0, 500)))
def test_within_their_bounds(counts: NDArray[np.int64]) -> None:
    found = compared([listed("a", counts[0][:4]), listed("b", counts[0][4:])], counts[1])
    for values in (found.jensen_shannon, found.jensen_shannon_corrected):
        assert ((values >= 0) & (values <= 1)).all()
    assert (found.jensen_shannon_corrected <= found.jensen_shannon + 1e-12).all()
    assert found.kolmogorov_smirnov.tolist() == found.wasserstein.tolist() == [0, 0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-1, 1), st.floats(0.5, 2))
def test_the_binned_smirnov_misses_at_most_one_bin(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.normal(size=800), rng.normal(shift, scale, 400)
    edges = np.quantile(before, np.linspace(0, 1, 17)[1:-1])
    counts = [np.bincount(np.searchsorted(edges, v, side="left"), minlength=16) for v in (before, after)]
    reference = NumericReference(name="x", edges=tuple(edges), counts=tuple(counts[0].tolist()), std=1.0)
    binned = compared([reference], np.append(counts[1], 0)).kolmogorov_smirnov[0]
    exact = ks_2samp(before, after, method="asymp").statistic
    assert binned - 1e-9 <= exact <= binned + counts[0].max() / 800 + 1e-9


def test_the_wasserstein_distance_is_in_the_features_units() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.uniform(0, 100, 20_000), rng.uniform(10, 110, 20_000)
    edges = np.quantile(before, np.linspace(0, 1, 17)[1:-1])
    counts = [np.bincount(np.searchsorted(edges, v, side="left"), minlength=16) for v in (before, after)]
    reference = NumericReference(
        name="x", edges=tuple(edges), counts=tuple(counts[0].tolist()), std=float(before.std())
    )
    found = compared([reference], np.append(counts[1], 0))
    assert found.wasserstein[0] == pytest.approx(wasserstein_distance(before, after), rel=0.1)
    assert found.wasserstein_relative[0] == pytest.approx(found.wasserstein[0] / before.std())


def test_without_a_change_the_corrected_distance_is_about_none() -> None:
    rng = np.random.default_rng(2)
    shares = np.full((300, 16), 1 / 16)
    before, after = rng.multinomial(800, shares), rng.multinomial(400, shares)
    edges = tuple(float(e) for e in range(15))
    references: list[FeatureReference] = [
        NumericReference(name=str(i), edges=edges, counts=tuple(row)) for i, row in enumerate(before.tolist())
    ]
    found = compared(references, np.concatenate([after, np.zeros((300, 1), np.int64)], axis=1).ravel())
    assert found.jensen_shannon.mean() > 0.08
    assert found.jensen_shannon_corrected.mean() < 0.03


@pytest.mark.parametrize(
    ("edges", "std", "expected"), [((), 1.0, [0]), ((3.0,), 0.5, [0.5, 0]), ((0, 2), 1, [2, 2, 0])]
)
def test_gaps_of_few_edges(edges: tuple[float, ...], std: float, expected: list[float]) -> None:
    assert gaps_between(edges, std, len(edges) + 1).tolist() == expected
