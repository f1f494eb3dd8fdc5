import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from driftline.model.columns import Columns
from driftline.registry import describe_features
from driftline.registry.overdispersion import SHORTEST, overdispersion
from driftline.spec import parse_spec


@pytest.mark.parametrize("width", [2, 5, 16])
def test_of_independent_records_is_one_in_the_mean(width: int) -> None:
    rng = np.random.default_rng(1)
    found = np.array([overdispersion(rng.integers(0, width, 3_000), width) for _ in range(200)])
    assert found.mean(axis=0)[:4] == pytest.approx(1.0, abs=0.15)


def test_of_a_markov_chain_is_that_of_its_correlation() -> None:
    rng, state, chain = np.random.default_rng(2), 0, []
    for u in rng.random(100_000):
        state = int(u < (0.75 if state else 0.25))  # correlation 1/2: three times the variance
        chain.append(state)
    found = overdispersion(np.array(chain), 2)
    assert found[2:5] == pytest.approx([3.0] * 3, rel=0.25)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2_000), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_lengths_double_as_long_as_four_stretches_fit(n: int, width: int, seed: int) -> None:
    found = overdispersion(np.random.default_rng(seed).integers(0, width, n), width)
    assert all(np.isfinite(factor) and factor >= 0 for factor in found)
    assert all(n // (SHORTEST * 2**i) >= 4 for i in range(len(found)))
    assert bool(found) == (n >= 4 * SHORTEST)


def test_every_type_of_feature_gets_its_own() -> None:
    spec = parse_spec(
        {
            "stream": "tests",
            "classes": ["a", "b"],
            "features": [
                {"name": "load", "type": "numeric"},
                {"name": "site", "type": "categorical", "categories": ["north", "south"]},
                {"name": "note", "type": "text"},
            ],
        }
    )
    rng, n = np.random.default_rng(3), 4_000
    load = lfilter([1], [1, -0.95], rng.normal(size=n))[:, None].astype(np.float32)
    load[rng.random(n) < 0.1] = np.nan
    in_runs = np.where(np.arange(n) // 200 % 2, "north", "south").astype(object)[:, None]
    words = np.array([["word " * k] for k in rng.integers(1, 9, n)], dtype=object)
    numeric, categorical, text = describe_features(spec, Columns(load, in_runs, words))
    assert numeric.overdispersion[3] > 3
    assert categorical.overdispersion[0] > 20
    assert text.overdispersion[0] == pytest.approx(1.0, abs=0.5)
