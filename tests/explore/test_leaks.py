"""A leak that was planted is named; a file without one is not accused."""

import numpy as np
import pandas as pd
import pytest

from driftline.explore.findings import findings
from driftline.explore.leaks import Alone
from driftline.explore.suggestions import command
from tests.explore.made import clean, look, named


def test_a_clean_file_is_not_accused() -> None:
    found = look(clean())
    assert found.suspects == ()
    assert command(found) is None
    assert (found.repeated, found.contradicting) == (0, 0)


def test_a_copy_under_another_name() -> None:
    frame = clean()
    frame.insert(0, "verdict", np.where(frame.label == "broken", "x", "y"))
    found = look(frame)
    assert named(found) == {"verdict": "copy"}
    assert any("verdict" in text and tone == "bad" for tone, text in findings(found))
    assert command(found) == "driftline init data --label label --exclude verdict"


def test_a_number_that_knows_the_label() -> None:
    frame = clean()
    frame.insert(0, "after", (frame.label == "broken") * 10 + np.random.default_rng(1).normal(size=len(frame)))
    found = look(frame)
    assert named(found) == {"after": "predictor"}
    best = max(found.alone, key=lambda one: one.auc)
    assert (best.name, round(best.auc, 2)) == ("after", 1.0)
    assert best.information > 0.9


def test_the_useful_features_are_measured_and_left_alone() -> None:
    alone = {one.name: one for one in look(clean(4_000)).alone}
    # Two normals one deviation apart: the area is the normal distribution's at 1 / sqrt(2).
    assert alone["a"].auc == pytest.approx(0.760, abs=0.03)
    assert alone["b"].auc == pytest.approx(0.5, abs=0.05)
    assert alone["b"].information < 0.03


def test_many_categories_are_not_learnt_by_heart() -> None:
    frame = clean()
    frame["code"] = [f"c{i // 2}" for i in np.random.default_rng(3).permutation(len(frame))]
    code = next(one for one in look(frame).alone if one.name == "code")
    assert code.auc == pytest.approx(0.5, abs=0.06)


def test_a_rare_class_told_by_a_number() -> None:
    frame = clean(4_000)
    frame["label"] = np.where(np.arange(4_000) % 100 == 0, "broken", "fine")
    frame.insert(0, "after", (frame.label == "broken") * 50 + np.random.default_rng(1).normal(size=4_000))
    assert named(look(frame))["after"] == "predictor"


def test_the_union_of_labels() -> None:
    rng = np.random.default_rng(5)
    faults = pd.DataFrame(rng.random((2_000, 3)) < [0.03, 0.02, 0.02], columns=["heat", "wear", "power"]).astype(int)
    frame = pd.concat([pd.DataFrame({"x": rng.normal(size=2_000)}), faults], axis=1)
    frame.insert(0, "any_failure", faults.any(axis=1).astype(int))
    found = look(frame, multilabel=("heat", "wear", "power"))
    assert named(found) == {"any_failure": "copy"}
    assert {"--multilabel", "heat", "--exclude"} <= set((command(found) or "").split())
    # And the other way round: a kind of fault where the label is any fault.
    parts = look(frame, label="any_failure")
    assert named(parts) == {"heat": "part", "wear": "part", "power": "part"}


def test_row_numbers_and_clocks() -> None:
    frame = clean()
    frame.insert(0, "serial", np.arange(1_000) * 3 + np.random.default_rng(0).integers(0, 3, 1_000))
    frame.insert(0, "timestamp", 1_700_000_000 + 60 * np.arange(1_000))
    found = look(frame)
    assert named(found) == {"serial": "row number"}
    assert found.time == "timestamp"


def test_copies_and_contradictions() -> None:
    frame = clean()
    again, other = frame.iloc[:7], frame.iloc[10:13].assign(label="another")
    found = look(pd.concat([frame, again, other], ignore_index=True))
    assert found.repeated == 7
    assert found.contradicting == 6


def test_multilabel_names_the_class_that_is_told() -> None:
    rng = np.random.default_rng(2)
    marks = pd.DataFrame(rng.integers(0, 2, (1_000, 2)), columns=["hot", "loud"])
    frame = pd.concat([pd.DataFrame({"noise": marks.loud * 9 + rng.normal(size=1_000)}), marks], axis=1)
    one = look(frame, multilabel=("hot", "loud")).alone[0]
    assert isinstance(one, Alone)
    assert (one.best, round(one.auc, 2)) == ("loud", 1.0)
