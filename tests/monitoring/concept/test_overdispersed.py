"""Autocorrelated and seasonal features: compared by what their training rows vary, not as if independent."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from driftline.registry import Reference
from driftline.spec import StreamSpec
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.divergence import compare
from monitoring.distribution.layout import Layout
from tests.monitoring.distribution.test_data import run
from tests.monitoring.stream import make_reference, make_spec, numeric_columns

WIDTH = 6


def autoregressive(rng: np.random.Generator, n: int, correlation: float) -> NDArray[np.float64]:
    noise = rng.normal(size=(n + 500, WIDTH)) * np.sqrt(1 - correlation**2)
    out: NDArray[np.float64] = lfilter([1.0], [1.0, -correlation], noise, axis=0)[500:]
    return out


def spec_of(**data: Any) -> StreamSpec:
    return make_spec([{"name": f"f{i}", "type": "numeric"} for i in range(WIDTH)], monitoring={"data": data})


def forgetful(reference: Reference) -> Reference:
    """The same, as if its rows had been in no order."""
    features = tuple(feature.model_copy(update={"overdispersion": ()}) for feature in reference.features)
    return reference.model_copy(update={"features": features})


def test_an_autocorrelated_stream_is_quiet_where_it_would_be_loud() -> None:
    rng, spec = np.random.default_rng(1), spec_of(minimum_psi=0.0)
    reference = make_reference(spec, numeric_columns(autoregressive(rng, 5_000, 0.9)))
    stream = numeric_columns(autoregressive(rng, 20_000, 0.9))
    assert run(DataMonitor(spec, reference), stream, batch=2_000) == []
    assert run(DataMonitor(spec, forgetful(reference)), stream, batch=2_000)


def test_a_season_that_the_training_rows_hold_is_no_drift() -> None:
    rng, spec = np.random.default_rng(2), spec_of()
    season = np.sin(np.arange(25_000) * 2 * np.pi / 1_000)[:, None] + 0.7 * rng.normal(size=(25_000, WIDTH))
    reference = make_reference(spec, numeric_columns(season[:5_000]))
    assert run(DataMonitor(spec, reference), numeric_columns(season[5_000:]), batch=2_000) == []
    assert run(DataMonitor(spec, forgetful(reference)), numeric_columns(season[5_000:]), batch=2_000)


def test_a_large_shift_of_an_autocorrelated_feature_is_still_found() -> None:
    rng, spec = np.random.default_rng(3), spec_of()
    reference = make_reference(spec, numeric_columns(autoregressive(rng, 5_000, 0.8)))
    stream = autoregressive(rng, 3_000, 0.8)
    stream[1_000:, 2] += 2.5
    (at, finding), *_ = run(DataMonitor(spec, reference), numeric_columns(stream), batch=100)
    assert 1_000 < at <= 1_600
    assert finding.drifted.tolist() == [2]


@pytest.mark.parametrize("level", [0.05, 0.005])
def test_p_values_of_dependent_windows_are_not_too_small(level: float) -> None:
    rng, spec = np.random.default_rng(4), spec_of()
    small = total = 0
    for _ in range(60):
        reference = make_reference(spec, numeric_columns(autoregressive(rng, 4_000, 0.9)))
        monitor = DataMonitor(spec, reference)
        layout = monitor._binner.layout
        columns = numeric_columns(autoregressive(rng, 400, 0.9))
        counts = np.bincount(monitor._binner.bins(columns, columns.numeric).ravel(), minlength=len(layout.counts))
        p = compare(layout, counts).p_value
        small, total = small + int((p < level).sum()), total + len(p)
    assert small / total <= 1.5 * level


def test_factors_are_of_the_windows_length_and_only_where_they_are_sure() -> None:
    counts = {"runs": (500, 500), "chance": (500, 500), "unknown": (500, 500)}
    factors = {"runs": (2.0, 4.0, 8.0, 9.0), "chance": (1.1, 0.8, 1.2, 1.3)}
    layout = Layout(counts, factors, window=200)
    assert layout.factors.tolist() == [8.0, 1.0, 1.0]
    assert layout.stretches.tolist() == [5.0, np.inf, np.inf]
    assert Layout(counts, factors, window=50).factors.tolist() == [2.0, 1.0, 1.0]
    assert Layout(counts, factors, window=10_000).factors.tolist() == [9.0, 1.0, 1.0]
