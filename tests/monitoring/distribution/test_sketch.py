"""What two instances counted, merged, is what one would have counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.sketch import Sketch
from monitoring.store.encoding import DamagedState
from tests.monitoring.distribution.test_correlation import reference_of, together
from tests.monitoring.distribution.test_data import MIXED, mixed_columns, run
from tests.monitoring.stream import make_reference, make_spec, numeric_columns

WINDOW = 60
DATA = {"data": {"window": WINDOW}}


def sketch_of(monitor: DataMonitor, columns: Columns) -> Sketch:
    run(monitor, columns, batch=17)
    found = monitor.sketch()
    assert found is not None
    return found


def mixed(seed: int, windows: int, missing: float) -> Columns:
    rng = np.random.default_rng(seed)
    columns = mixed_columns(rng, windows * WINDOW)
    columns.numeric[rng.random(columns.numeric.shape) < missing] = np.nan
    columns.categorical[rng.random(len(columns)) < missing, 0] = "moon"
    columns.text[rng.random(len(columns)) < missing, 0] = None
    return columns


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.floats(0, 0.5))
def test_merged_is_counted_together(seed: int, instances: int, missing: float) -> None:
    spec = make_spec(MIXED, monitoring=DATA)
    reference = make_reference(spec, mixed_columns(np.random.default_rng(0), 400))
    columns = mixed(seed, instances, missing)
    # Each instance sees its own records, as it would of its own partitions.
    owner = np.random.default_rng(seed).permutation(np.repeat(np.arange(instances), WINDOW))
    parts = [
        sketch_of(DataMonitor(spec, reference), columns.take(np.flatnonzero(owner == i))) for i in range(instances)
    ]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(Sketch.from_bytes(part.to_bytes()))
    large = make_spec(MIXED, monitoring={"data": {"window": instances * WINDOW}})
    one = DataMonitor(large, reference)
    together = sketch_of(one, columns)
    assert merged.rows == together.rows == instances * WINDOW
    assert merged.counts.tolist() == together.counts.tolist()
    assert merged.moments == pytest.approx(together.moments, rel=1e-9)
    (said, blamed), (expected, blamed_there) = one.compare(merged), one.compare(together)
    assert said.comparison.psi.tolist() == expected.comparison.psi.tolist()
    assert said.judgement.drifted.tolist() == expected.judgement.drifted.tolist()
    assert [b.feature for b in blamed] == [b.feature for b in blamed_there]


def halves(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return rows[::2], rows[1::2]


def test_a_flip_that_neither_half_is_sure_of_is_told_by_both_together() -> None:
    spec = make_spec(monitoring={"data": {"window": 60, "minimum_correlation": 0.1, "confidence": 1e-3}})
    rng = np.random.default_rng(11)
    reference = reference_of(spec, together(rng, 2_000, 0.5))
    now = together(rng, 120, 0.2)
    monitors = [DataMonitor(spec, reference) for _ in range(2)]
    sketches = [sketch_of(m, numeric_columns(half)) for m, half in zip(monitors, halves(now), strict=True)]
    assert [monitors[0].compare(sketch)[1] for sketch in sketches] == [[], []]
    current, blamed = monitors[0].compare(sketches[0].merge(sketches[1]))
    assert current.rows == 120
    assert [b.feature for b in blamed] == ["(f0 × f1)"]


def test_sketches_of_other_bins_are_refused() -> None:
    spec, rng = make_spec(monitoring=DATA), np.random.default_rng(2)
    rows = rng.normal(size=(WINDOW, 4))
    here = sketch_of(
        DataMonitor(spec, make_reference(spec, numeric_columns(rng.normal(size=(300, 4))))), numeric_columns(rows)
    )
    there = sketch_of(
        DataMonitor(spec, make_reference(spec, numeric_columns(rng.normal(size=(300, 4))))), numeric_columns(rows)
    )
    with pytest.raises(UsageError, match=r"sketch: read one of the bins .*; allowed: those of .*"):
        here.merge(there)


def test_there_is_none_before_a_window_is_full() -> None:
    spec = make_spec(monitoring=DATA)
    monitor = DataMonitor(spec, make_reference(spec, numeric_columns(np.random.default_rng(0).normal(size=(300, 4)))))
    run(monitor, numeric_columns(np.zeros((WINDOW - 1, 4))))
    assert monitor.sketch() is None


def test_bytes_that_are_none_are_refused() -> None:
    with pytest.raises(DamagedState):
        Sketch.from_bytes(b"dlms nonsense")
