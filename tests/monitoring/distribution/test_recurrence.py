"""Has the stream looked like this before?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.model.columns import Columns
from driftline.registry.reference import describe_features
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.layout import Layout
from monitoring.distribution.past import Past, PastState
from monitoring.distribution.recurrence import resembles, same_as
from monitoring.store.encoding import DamagedState
from monitoring.store.ledger import Ledger
from tests.monitoring.distribution.test_data import decoded
from tests.monitoring.stream import make_reference, make_spec

FEATURES = [{"name": "x", "type": "numeric"}, {"name": "site", "type": "categorical", "categories": ["n", "s"]}]


def columns(mean: float, north: float, n: int, seed: int) -> Columns:
    rng = np.random.default_rng(seed)
    sites = np.where(rng.random(n) < north, "n", "s").astype(object)
    return Columns(rng.normal(mean, 1.0, (n, 1)).astype(np.float32), sites[:, None], np.empty((n, 0), object))


def like(now: tuple[float, float], earlier: tuple[float, float]) -> bool:
    """Whether a stream of this mean and share of 'n', watched against mean 0 and half, looks as an earlier one did."""
    spec = make_spec(FEATURES)
    monitor = DataMonitor(spec, make_reference(spec, columns(0.0, 0.5, 2_000, 0)))
    monitor.update(decoded(columns(*now, 600, 1)), {}, {})
    current = monitor.window.latest
    assert current is not None
    known = {f.name: f for f in describe_features(spec, columns(*earlier, 1_500, 2))}
    return resembles(monitor.references, monitor.window.layout, current.judgement.drifted, current, known, 0.2)


class TestAnEarlierReference:
    @pytest.mark.parametrize("world", [(2.0, 0.5), (-1.5, 0.1), (0.0, 0.95)])
    def test_is_known_again_though_its_bins_are_others(self, world: tuple[float, float]) -> None:
        assert like(world, world)

    @pytest.mark.parametrize("earlier", [(-2.0, 0.5), (0.0, 0.5), (4.0, 0.5), (1.0, 0.5)])
    def test_of_another_world_is_not(self, earlier: tuple[float, float]) -> None:
        assert not like((2.0, 0.5), earlier)

    def test_every_drifted_feature_counts(self) -> None:
        assert not like((2.0, 0.05), (2.0, 0.95))

    def test_without_drift_nothing_comes_back(self) -> None:
        assert not like((0.0, 0.5), (0.0, 0.5))


LAYOUT = Layout({"a": [100, 100, 100], "b": [50, 250]})
COUNTS = st.lists(st.integers(0, 400), min_size=5, max_size=5).map(np.array)


class TestAnEarlierDrift:
    @given(COUNTS)
    def test_is_the_same_as_itself(self, counts: np.ndarray) -> None:
        assert same_as(LAYOUT, counts, counts, 0.2)

    def test_is_known_once_it_is_over(self) -> None:
        past = Past("past", 0.2)
        before, other = np.array([200, 10, 10, 200, 20]), np.array([10, 10, 200, 20, 200])
        past.see(before)
        assert not past.knows(LAYOUT, before)
        past.over()
        assert past.knows(LAYOUT, before)
        assert not past.knows(LAYOUT, other)

    @given(st.lists(COUNTS, max_size=7), st.booleans())
    def test_survives(self, seen: list[np.ndarray], standing: bool) -> None:
        past, ledger = Past("past", 0.2), Ledger()
        for counts in seen:
            past.see(counts)
            past.over()
        if standing:
            past.see(np.arange(5))
        state = past.snapshot(ledger)
        parts = {name: part for name, part in ledger.close().items() if part is not None}
        again = Past("past", 0.2)
        again.restore(state, parts)
        for each in (past, again):
            each.over()
        for counts in [*seen, np.arange(5)]:
            assert again.knows(LAYOUT, counts) == past.knows(LAYOUT, counts)

    def test_of_which_a_part_is_missing_is_damage(self) -> None:
        with pytest.raises(DamagedState, match="part past is missing"):
            Past("past", 0.2).restore(PastState(kept=1), {})
