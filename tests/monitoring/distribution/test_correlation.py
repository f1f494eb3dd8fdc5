"""Features that keep their own distributions and change how they depend on one another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from driftline.registry import Reference
from driftline.registry.dependence import MOST_PAIRS, Dependence, bin_scores
from driftline.registry.reference import describe_pairs
from driftline.spec import StreamSpec
from monitoring.core import MonitorCore
from monitoring.distribution.binning import FeatureBinner
from monitoring.distribution.correlation import Correlations, Pairs
from tests.monitoring.stream import EPOCH, Broker, after, events_of, make_reference, make_spec, numeric_columns

Matrix = NDArray[np.float64]
NOW = EPOCH + 1_000_000


def spec_of(width: int, **monitoring: object) -> StreamSpec:
    return make_spec([{"name": f"f{i}", "type": "numeric"} for i in range(width)], monitoring=monitoring)


def reference_of(spec: StreamSpec, matrix: Matrix) -> Reference:
    columns = numeric_columns(matrix)
    reference = make_reference(spec, columns)
    return reference.model_copy(update={"dependence": describe_pairs(spec, columns, reference.features)})


def dependence_of(matrix: Matrix) -> Dependence:
    found = reference_of(spec_of(matrix.shape[1]), matrix).dependence
    assert found is not None
    return found


def together(rng: np.random.Generator, n: int, strength: float, width: int = 4) -> Matrix:
    """Normal features, of which the first two correlate."""
    rows = rng.normal(size=(n, width))
    rows[:, 1] = strength * rows[:, 0] + np.sqrt(1 - strength**2) * rows[:, 1]
    return rows


class Counted:
    """Records as the monitor counts them."""

    def __init__(self, before: Matrix) -> None:
        spec = spec_of(before.shape[1])
        reference = reference_of(spec, before)
        assert reference.dependence is not None
        self.binner = FeatureBinner(spec, reference)
        self.pairs = Pairs(reference.dependence, reference.features, self.binner.references, self.binner.layout)

    def bins(self, matrix: Matrix) -> NDArray[np.int64]:
        columns = numeric_columns(matrix)
        return self.binner.bins(columns, self.binner.values(columns))

    def compare(self, matrix: Matrix) -> Correlations:
        bins = self.bins(matrix)
        counts = np.bincount(bins.ravel(), minlength=len(self.binner.layout.counts))
        return self.pairs.compare(counts, self.pairs.count(bins))


class TestWhatTrainingMeasures:
    def test_is_the_correlation_of_ranks(self) -> None:
        rows = together(np.random.default_rng(0), 4_000, 0.7)
        rows[:, 1] = np.exp(3 * rows[:, 1])
        found = dependence_of(rows)
        assert (found.first[0], found.second[0]) == (0, 1)
        # Normal scores of a normal pair give its correlation; 16 bins lose a little.
        assert found.correlation[0] == pytest.approx(0.7, abs=0.04)
        assert spearmanr(rows[:, 0], rows[:, 1]).statistic == pytest.approx(0.68, abs=0.04)
        assert found.variance[0] == pytest.approx((1 - 0.7**2) ** 2, rel=0.5)
        assert np.abs(found.correlation[1:]).max() < 0.06

    def test_rows_that_change_slowly_say_less(self) -> None:
        rng = np.random.default_rng(1)
        steps, slow = rng.normal(size=(6_000, 2)), np.zeros((6_000, 2))
        for t in range(1, 6_000):
            slow[t] = 0.9 * slow[t - 1] + steps[t]
        # Of a first-order autoregression: (1 + φ²)/(1 - φ²) = 9.5 times the rows.
        assert 4 < dependence_of(slow).variance[0] / dependence_of(steps).variance[0] < 20

    def test_of_many_features_the_strongest_pairs_are_kept(self) -> None:
        rng = np.random.default_rng(2)
        rows = rng.normal(size=(300, 80))
        rows[:, 79] = rows[:, 3] + 0.3 * rng.normal(size=300)
        found = dependence_of(rows)
        assert len(found.first) == len(found.second) == len(found.correlation) == MOST_PAIRS
        assert (3, 79) in set(zip(found.first, found.second, strict=True))

    @pytest.mark.parametrize("rows", [np.zeros((500, 3)), np.ones((500, 1)), np.arange(80.0).reshape(40, 2)])
    def test_nothing_where_nothing_can_be_said(self, rows: Matrix) -> None:
        spec = spec_of(rows.shape[1])
        assert reference_of(spec, rows).dependence is None

    def test_the_document_survives_its_own_json(self) -> None:
        reference = reference_of(spec_of(4), together(np.random.default_rng(0), 400, 0.5))
        assert Reference.model_validate_json(reference.model_dump_json()) == reference

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(0, 100_000), min_size=1, max_size=20))
    def test_scores_ascend_and_are_bounded(self, counts: list[int]) -> None:
        scores = bin_scores(counts)
        assert (np.diff(scores) >= 0).all()
        assert np.abs(scores).max() <= 112


class TestTheSums:
    @settings(max_examples=25, deadline=None)
    @given(
        st.integers(0, 2**32 - 1), st.lists(st.integers(1, 3_000), min_size=1, max_size=4), st.sampled_from([3, 170])
    )
    def test_parts_add_up_exactly_to_the_whole(self, seed: int, lengths: list[int], width: int) -> None:
        rng = np.random.default_rng(seed)
        counted = Counted(rng.normal(size=(200, width)))
        lengths = [length // (1 + width // 30) + 1 for length in lengths]
        rows = 3 * rng.normal(size=(sum(lengths), width))
        rows[rng.random(rows.shape) < 0.05] = np.nan
        bins = counted.bins(rows)
        ends = np.cumsum(lengths)
        parts = [counted.pairs.count(bins[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
        whole = counted.pairs.count(bins)
        assert sum(parts).tolist() == whole.tolist()  # type: ignore[union-attr]
        scores = counted.pairs._scores[bins].astype(np.int64)
        for k in (0, len(whole) // 2, len(whole) - 1):
            i, j = counted.pairs.first[k], counted.pairs.second[k]
            assert whole[k] == (scores[:, i] * scores[:, j]).sum()

    def test_give_the_correlation_of_the_same_rows(self) -> None:
        rng = np.random.default_rng(3)
        counted = Counted(together(rng, 2_000, 0.6))
        now = together(rng, 400, -0.4) + 0.7
        scores = counted.pairs._scores[counted.bins(now)]
        found = counted.compare(now)
        assert found.after == pytest.approx(np.corrcoef(scores.T)[np.triu_indices(4, 1)])
        assert found.before[0] == pytest.approx(0.6, abs=0.06)


class TestPValues:
    def test_are_small_as_often_as_they_say(self) -> None:
        rng = np.random.default_rng(4)
        found = []
        for _ in range(40):
            counted = Counted(together(rng, 1_000, 0.5, width=8))
            found += [counted.compare(together(rng, 400, 0.5, width=8)).p_value for _ in range(3)]
        p_values = np.concatenate(found)
        assert 0.01 < (p_values < 0.05).mean() < 0.08
        assert (p_values < 0.001).mean() < 0.004

    def test_a_feature_that_does_not_vary_any_more_says_nothing(self) -> None:
        rng = np.random.default_rng(5)
        counted = Counted(together(rng, 1_000, 0.5))
        now = together(rng, 400, 0.5)
        now[:, 0] = 1.0
        found = counted.compare(now)
        assert found.p_value[0] == 1.0
        assert found.change[0] == 0.0


def told(before: Matrix, stream: Matrix, **data: object) -> list[tuple[str, list[str], str]]:
    """(onset, features blamed, summary) of each data event of a real core."""
    spec = spec_of(before.shape[1], data=data)
    core = MonitorCore(spec)
    core.install(1, reference_of(spec, before), 1)
    broker, found = Broker(spec), []
    for start in range(0, len(stream), 100):
        part = stream[start : start + 100]
        values = np.array([[None if np.isnan(v) else v for v in row] for row in part.tolist()], dtype=object)
        step = core.process(broker.features(range(start, start + len(part)), values), NOW + start)
        found += [
            (e.onset.record_id or "", [b.feature for b in e.features], e.summary)
            for e in events_of(step)
            if e.state == "opened"
        ]
        if start == 1_000:
            # The state goes through bytes in the middle of it all.
            parts = after({}, core.snapshot())
            core = MonitorCore(spec)
            core.restore(parts)
    return found


class TestARealCore:
    def test_names_the_pair_whose_correlation_flips(self) -> None:
        rng = np.random.default_rng(6)
        stream = np.concatenate([together(rng, 900, 0.8), together(rng, 900, -0.8)])
        ((onset, blamed, summary),) = told(together(rng, 2_000, 0.8), stream)
        assert onset == "r900"
        assert blamed == ["(f0 × f1)"]
        assert "1 of 6 pairs correlate otherwise, most of all (f0 × f1) (correlation 0." in summary
        assert " → -0." in summary

    def test_says_nothing_of_it_if_it_is_told_not_to_look(self) -> None:
        rng = np.random.default_rng(6)
        stream = np.concatenate([together(rng, 900, 0.8), together(rng, 900, -0.8)])
        assert told(together(rng, 2_000, 0.8), stream, multivariate=False) == []
        assert told(together(rng, 2_000, 0.8), stream, minimum_correlation=1.9) == []

    def test_names_a_feature_that_moves_and_not_its_pairs(self) -> None:
        rng = np.random.default_rng(7)
        stream = together(rng, 1_800, 0.8)
        stream[900:, 0] += 3.0
        ((onset, blamed, _),) = told(together(rng, 2_000, 0.8), stream)
        assert onset == "r900"
        assert blamed == ["f0"]

    def test_names_a_feature_that_goes_missing_and_not_its_pairs(self) -> None:
        rng = np.random.default_rng(8)
        stream = together(rng, 1_800, 0.8)
        stream[900:, 1][rng.random(900) < 0.5] = np.nan
        ((_, blamed, summary),) = told(together(rng, 2_000, 0.8), stream)
        assert blamed == ["f1"]
        assert "f1 (missing 0% → " in summary

    @pytest.mark.parametrize("strength", [0.0, 0.8, 0.99])
    def test_a_quiet_world_is_quiet(self, strength: float) -> None:
        rng = np.random.default_rng(9)
        assert told(together(rng, 2_000, strength, 12), together(rng, 8_000, strength, 12)) == []

    def test_a_reference_of_an_older_version_has_no_pairs(self) -> None:
        spec = spec_of(4)
        core = MonitorCore(spec)
        core.install(1, make_reference(spec, numeric_columns(together(np.random.default_rng(0), 500, 0.8))), 1)
        core.process(Broker(spec).features(range(600), together(np.random.default_rng(1), 600, -0.8)), NOW)
        assert core.state().feature_scores
        assert core.state().standing == ()


def test_a_state_without_pairs_is_taken_over_by_a_monitor_that_has_them() -> None:
    rng = np.random.default_rng(10)
    before, now = together(rng, 1_000, 0.8), together(rng, 600, 0.8)
    without, having = spec_of(4, data={"multivariate": False}), spec_of(4)
    core = MonitorCore(without)
    core.install(1, reference_of(without, before), 1)
    core.process(Broker(without).features(range(600), now), NOW)
    other = MonitorCore(having)
    other.restore(after({}, core.snapshot()))
    assert any("start afresh" in note for note in other.restore_notes)
    assert other.version == 1
