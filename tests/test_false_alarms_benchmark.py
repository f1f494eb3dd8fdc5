"""The benchmark of false alarms: its counts are of the real parts, and its intervals are exact."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import poisson

from benchmarks import false_alarms
from benchmarks.stationary import KINDS, markov
from driftline.wire.features import Decoded
from monitoring.distribution.data import DataMonitor


def test_ten_kinds_and_more() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 10
    widths = [kind.make(np.random.default_rng(0)).width for kind in KINDS]
    assert (min(widths), max(widths)) == (1, 200)


def test_intervals_are_garwoods() -> None:
    low, high = false_alarms.interval(5, 1_000_000)
    assert poisson.sf(4, low) == pytest.approx(0.025, abs=1e-3)
    assert poisson.cdf(5, high) == pytest.approx(0.025, abs=1e-3)
    assert false_alarms.interval(0, 1_000_000) == (0.0, pytest.approx(3.689, abs=1e-3))


def test_markov_errors_have_the_rate_and_the_correlation_they_say() -> None:
    make = markov(np.random.default_rng(1), 0.2, 0.7)
    wrong = np.concatenate([make(n) for n in (1, 999, 50_000, 49_000)])
    assert wrong.mean() == pytest.approx(0.2, abs=0.02)
    assert np.corrcoef(wrong[1:], wrong[:-1])[0, 1] == pytest.approx(0.7, abs=0.02)


def test_a_run_writes_what_it_counted(tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    arguments = ["--records", "20_000", "--kind", "iid-40%", "--kind", "discrete", "--out", str(out)]
    document = false_alarms.main(arguments)
    assert json.loads(out.read_text()) == json.loads(json.dumps(document))
    overall = document["budgets"]["1 per 100_000 records"]["overall"]
    assert overall["records"] == 20_000
    assert overall["interval"][0] <= overall["per_million"] <= overall["interval"][1]


def test_what_it_feeds_is_what_the_monitor_makes_of_decoded_records() -> None:
    """The same rows, binned once by the benchmark and once by the monitor itself, drift at the same block."""
    (kind,) = (kind for kind in KINDS if kind.name == "discrete")
    rng = np.random.default_rng(2)
    stream = kind.make(rng)
    reference = false_alarms.reference_of(kind, stream, rng)
    spec = false_alarms.spec_of(stream, false_alarms.BUDGETS[0])
    columns = false_alarms.columns_of(stream, rng, 1_000)
    columns.numeric[500:, 0] += 3
    nothing = np.zeros(1_000, dtype=np.int64)
    decoded = Decoded(["r"] * 1_000, ["d"] * 1_000, np.arange(1_000), nothing, np.arange(1_000), columns, [])
    whole = DataMonitor(spec, reference)
    (expected,) = whole.update(decoded, {}, {})
    fast = DataMonitor(spec, reference)
    values = fast._binner.values(columns)
    rows = false_alarms.Rows(
        ["r"] * 1_000, np.arange(1_000), fast._binner.bins(columns, values), values, nothing, np.arange(1_000), {}, {}
    )
    (found,) = fast.window.update(rows)
    assert found.onset == expected.onset
    assert found.window.counts.tolist() == expected.window.counts.tolist()
