from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.registry import Reference
from driftline.registry.reference import CategoricalReference, NumericReference
from driftline.spec import StreamSpec
from driftline.wire.features import Decoded
from monitoring.distribution.binning import FeatureBinner
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.stretch import BlockFinding
from tests.monitoring.stream import EPOCH, make_reference, make_spec, numeric_columns

MIXED: list[dict[str, Any]] = [
    {"name": "load", "type": "numeric"},
    {"name": "site", "type": "categorical", "categories": ["north", "south"], "unknown": "bucket"},
    {"name": "note", "type": "text"},
    {"name": "heat", "type": "numeric"},
]


def mixed_columns(rng: np.random.Generator, n: int) -> Columns:
    text = np.array([["word " * k] for k in rng.integers(1, 12, n)], dtype=object)
    site = rng.choice(np.array(["north", "south"], dtype=object), (n, 1), p=[0.98, 0.02])
    return Columns(rng.normal(size=(n, 2)).astype(np.float32), site, text)


def decoded(columns: Columns, start: int = 0, partitions: int = 2) -> Decoded:
    n = len(columns)
    rows = start + np.arange(n)
    return Decoded(
        record_ids=[f"r{row}" for row in rows],
        device_ids=["d"] * n,
        event_times=EPOCH + rows * 100,
        partitions=rows % partitions,
        offsets=rows // partitions,
        columns=columns,
        rejects=[],
    )


def run(monitor: DataMonitor, columns: Columns, start: int = 0, batch: int = 37) -> list[tuple[int, BlockFinding]]:
    found = []
    for at in range(0, len(columns), batch):
        part = decoded(columns.take(slice(at, at + batch)), start + at)
        ends = {p: (start + at + len(part) + 1 - p) // 2 for p in range(2)}
        found += [(start + at + len(part), finding) for finding in monitor.update(part, ends, {})]
    return found


def numeric_monitor(width: int = 10, rows: int = 2_000, seed: int = 0) -> tuple[DataMonitor, np.random.Generator]:
    rng = np.random.default_rng(seed)
    spec = make_spec([{"name": f"f{i}", "type": "numeric"} for i in range(width)])
    return DataMonitor(spec, make_reference(spec, numeric_columns(rng.normal(size=(rows, width))))), rng


class TestBinsAreTheReferences:
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=40),
        st.lists(st.one_of(st.floats(width=32, allow_infinity=False), st.just(float("nan"))), min_size=1, max_size=40),
    )
    def test_numeric_values_fall_where_the_reference_counts_them(
        self, training: list[float], current: list[float]
    ) -> None:
        spec = make_spec([{"name": "x", "type": "numeric"}])
        reference = make_reference(spec, numeric_columns(np.array(training)[:, None]))
        binner = FeatureBinner(spec, reference)
        columns = numeric_columns(np.array(current)[:, None])
        counts = np.bincount(binner.bins(columns, binner.values(columns)).ravel(), minlength=len(binner.layout.counts))
        feature = reference.features[0]
        assert isinstance(feature, NumericReference)
        assert counts.tolist() == feature.bin(columns.numeric[:, 0]).tolist()

    def test_of_all_types_training_rows_give_the_references_own_counts(self) -> None:
        spec = make_spec(MIXED)
        columns = mixed_columns(np.random.default_rng(0), 500)
        columns.numeric[::7, 1] = np.nan
        columns.categorical[::11, 0] = None
        columns.categorical[5, 0] = "moon"
        columns.text[3, 0] = None
        binner = FeatureBinner(spec, make_reference(spec, columns))
        counts = np.bincount(binner.bins(columns, binner.values(columns)).ravel(), minlength=len(binner.layout.counts))
        assert counts.tolist() == binner.layout.counts.tolist()
        assert binner.layout.names == ("load", "heat", "note", "site")

    def test_another_streams_reference_is_refused(self) -> None:
        spec = make_spec(MIXED)
        other = make_spec([{"name": "load", "type": "numeric"}])
        reference = make_reference(other, numeric_columns(np.zeros((10, 1))))
        with pytest.raises(UsageError, match=r"reference: read 1 features .* heat, note, site"):
            FeatureBinner(spec, reference)


class TestADriftIsFound:
    def test_with_its_feature_its_onset_and_its_size(self) -> None:
        monitor, rng = numeric_monitor()
        before, after = rng.normal(size=(1_200, 10)), rng.normal(size=(1_200, 10))
        after[:, 3] += 1.0
        found = run(monitor, numeric_columns(np.concatenate([before, after])))
        assert len(found) == 1
        at, finding = found[0]
        assert 1_200 < at <= 1_200 + 400 + 37
        assert finding.onset.record_id == "r1200"
        assert finding.onset.features == {0: 600, 1: 600}
        (blame,) = monitor.blame(finding)
        assert blame.feature == "f3"
        assert blame.score > 0.2
        assert blame.detail.startswith("mean -")
        assert " → 0." in blame.detail

    def test_a_change_of_spread_is_said_as_such(self) -> None:
        monitor, rng = numeric_monitor()
        after = rng.normal(size=(800, 10))
        after[:, 0] *= 3
        (_, finding), *_ = run(monitor, numeric_columns(after))
        assert monitor.blame(finding)[0].detail.startswith("std ")

    @pytest.mark.parametrize(
        ("change", "feature", "detail"),
        [
            ("missing", "heat", "missing 0% → "),
            ("category", "site", 'category "south" '),
            ("unknown", "site", "unknown categories 0% → "),
            ("text", "note", "above 10 "),
        ],
    )
    def test_in_what_is_missing_unknown_or_not_a_number(self, change: str, feature: str, detail: str) -> None:
        rng = np.random.default_rng(1)
        spec = make_spec(MIXED)
        monitor = DataMonitor(spec, make_reference(spec, mixed_columns(rng, 1_000)))
        columns = mixed_columns(rng, 800)
        some = rng.random(800) < 0.5
        match change:
            case "missing":
                columns.numeric[some, 1] = np.nan
            case "category":
                columns.categorical[some, 0] = "south"
            case "unknown":
                columns.categorical[some, 0] = "moon"
            case "text":
                columns.text[some, 0] = "word " * 30
        (_, finding), *_ = run(monitor, columns)
        blame = monitor.blame(finding)
        assert blame[0].feature == feature
        assert blame[0].detail.startswith(detail)

    def test_the_most_drifted_comes_first(self) -> None:
        monitor, rng = numeric_monitor()
        after = rng.normal(size=(800, 10))
        after[:, 2] += 1
        after[:, 7] += 3
        (_, finding), *_ = run(monitor, numeric_columns(after))
        assert [b.feature for b in monitor.blame(finding)] == ["f7", "f2"]

    def test_features_can_be_scored_since_a_moment(self) -> None:
        monitor, rng = numeric_monitor()
        quiet, after = rng.normal(size=(400, 10)), rng.normal(size=(150, 10))
        after[:, 5] += 2
        run(monitor, numeric_columns(np.concatenate([quiet, after])))
        assert [b.feature for b in monitor.blame_since(EPOCH + 400 * 100)] == ["f5"]


class TestAQuietWorldIsQuiet:
    def test_sixty_thousand_records_of_forty_features(self) -> None:
        monitor, rng = numeric_monitor(width=40, rows=500)
        for start in range(0, 60_000, 5_000):
            assert run(monitor, numeric_columns(rng.normal(size=(5_000, 40))), start, batch=1_000) == []
        assert max(monitor.scores.values()) < 0.2

    def test_a_single_odd_block_is_not_enough(self) -> None:
        monitor, rng = numeric_monitor(width=4)
        quiet, odd = rng.normal(size=(800, 4)), rng.normal(size=(100, 4))
        odd[:70, 0] += 2.0
        assert run(monitor, numeric_columns(np.concatenate([quiet, odd, rng.normal(size=(800, 4))]))) == []


class TestOneEventAChange:
    def test_silence_until_it_is_over(self) -> None:
        monitor, rng = numeric_monitor()
        parts = [rng.normal(size=(2_000, 10)) for _ in range(4)]
        parts[1] += 2
        parts[3] += 2
        found = run(monitor, numeric_columns(np.concatenate(parts)))
        assert [finding.onset.record_id for _, finding in found] == ["r2000", "r6000"]

    @pytest.mark.parametrize("batch", [7, 100, 399, 1_500])
    def test_however_the_records_are_batched(self, batch: int) -> None:
        monitor, rng = numeric_monitor(width=3, rows=500)
        matrix = rng.normal(size=(1_500, 3))
        matrix[700:] += 1.5
        found = run(monitor, numeric_columns(matrix), batch=batch)
        again = run(numeric_monitor(width=3, rows=500)[0], numeric_columns(matrix), batch=20)
        assert [_essence(f) for _, f in found] == [_essence(f) for _, f in again]


def _essence(finding: BlockFinding) -> tuple[Any, ...]:
    return finding.onset.record_id, finding.onset.features, finding.window.counts.tolist()


class TestMemoryIsBounded:
    def test_a_million_records_in_the_window_are_kept_as_counts(self) -> None:
        spec = make_spec(monitoring={"data": {"window": 1_000_000}})
        rng = np.random.default_rng(0)
        monitor = DataMonitor(spec, make_reference(spec, numeric_columns(rng.normal(size=(500, 4)))))
        run(monitor, numeric_columns(rng.normal(size=(50_000, 4))), batch=10_000)
        block = monitor._window._open
        assert block is not None
        assert block.rows == 50_000
        assert block.counts.sum() == 200_000


def test_a_reference_without_numeric_features() -> None:
    spec: StreamSpec = make_spec([{"name": "site", "type": "categorical", "categories": ["a", "b"]}])
    empty: NDArray[Any] = np.empty((600, 0))
    sites = np.array([["a"], ["b"]] * 300, dtype=object)
    columns = Columns(empty.astype(np.float32), sites, np.empty((600, 0), object))
    reference: Reference = make_reference(spec, columns)
    assert isinstance(reference.features[0], CategoricalReference)
    assert run(DataMonitor(spec, reference), columns) == []
