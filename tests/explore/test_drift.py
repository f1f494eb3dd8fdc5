"""Drift that was planted is named, at its row; a file that stays as it is, is left alone."""

import numpy as np
import pandas as pd
import pytest

from driftline.explore.drift import drift_of, index
from driftline.explore.findings import findings
from tests.explore.made import clean, look


@pytest.mark.parametrize("seed", range(8))
def test_nothing_drifts_where_nothing_does(seed: int) -> None:
    drift = look(clean(600, seed)).drift
    assert drift is not None
    assert drift.drifted == []
    assert not drift.label_drifted
    assert drift.steps == ()


@pytest.mark.parametrize("row", [733, 1_000, 1_480])
def test_a_step_is_found_at_its_row(row: int) -> None:
    frame = clean(2_000)
    frame.loc[row:, "b"] += 3.0
    found = look(frame)
    drift = found.drift
    assert drift is not None
    assert [drift.names[j] for j in drift.drifted] == ["b"]
    assert len(drift.steps) == 1
    assert abs(drift.steps[0] - row) <= 10
    assert any("b (PSI" in text for _, text in findings(found))


def test_there_and_back() -> None:
    frame = clean(3_000)
    frame.loc[1_000:1_999, ["b", "c"]] += 2.0
    drift = look(frame).drift
    assert drift is not None
    assert np.abs(np.array(drift.steps) - [1_000, 2_000]).max() <= 10


def test_a_slow_drift_has_no_step() -> None:
    frame = clean(5_000)
    frame["c"] += np.linspace(0, 2.5, 5_000)
    drift = look(frame).drift
    assert drift is not None
    assert [drift.names[j] for j in drift.drifted] == ["c"]
    assert drift.psi[2].argmax() == 9
    assert drift.steps == ()


def test_categories_gaps_and_the_label_drift_too() -> None:
    frame = clean(2_000)
    frame.loc[1_000:, "colour"] = "red"
    frame.loc[1_500:, "d"] = np.nan
    frame.loc[1_200:1_999, "label"] = "broken"
    found = look(frame)
    drift = found.drift
    assert drift is not None
    # The label's own change takes the feature that depends on it along.
    assert {"colour", "d"} <= {drift.names[j] for j in drift.drifted}
    assert drift.label_drifted
    assert drift.shares[:, -1] == pytest.approx([1.0, 0.0])


def test_the_index_is_the_sum_it_is_defined_as() -> None:
    found = index(np.array([50, 50]), np.array([25, 75]))
    assert found == pytest.approx(-0.25 * np.log(0.5) + 0.25 * np.log(1.5))
    assert index(np.array([5, 0, 7]), np.array([50, 0, 70])) == pytest.approx(0)


def test_too_few_rows() -> None:
    assert drift_of([], 99, None) is None
    assert look(clean(60)).drift is None


def test_a_column_of_one_value_that_changes() -> None:
    frame = pd.DataFrame({"x": [1.0] * 500 + [2.0] * 500, "label": ["a", "b"] * 500})
    drift = look(frame).drift
    assert drift is not None
    assert [drift.names[j] for j in drift.drifted] == ["x"]
    assert drift.steps == (500,)
