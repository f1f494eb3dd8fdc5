from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import training.fit
from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec
from training.balance import balance
from training.data import Dataset, from_frame
from training.fit import VALIDATION, fit, refit

NUMBERS = [{"name": "x", "type": "numeric"}, {"name": "y", "type": "numeric"}]
COLOUR = {"name": "colour", "type": "categorical", "categories": ["red", "blue"]}


def spec_of(method: str, features: Any = None, task: str = "multiclass", **imbalance: Any) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "stream": "rare",
            "task": task,
            "classes": ["often", "rare", "single"],
            "features": features or NUMBERS,
            "training": {
                "epochs": 2,
                "network": {"hidden": [4]},
                "imbalance": {"method": method, **imbalance},
            },
        }
    )


def frame_of(often: int = 80, rare: int = 12, single: int = 0, seed: int = 3) -> pd.DataFrame:
    """`y` is a thousand times as wide as `x`, and only `x` tells the classes apart, roughly."""
    rng = np.random.default_rng(seed)
    label = np.array(["often"] * often + ["rare"] * rare + ["single"] * single)
    rng.shuffle(label)
    x = rng.normal(size=len(label)) + 1.5 * (label == "rare")
    return pd.DataFrame({"x": x, "y": 1000 * rng.normal(size=len(label)), "label": label})


class TestRowsOfARareClassAreMade:
    @pytest.mark.parametrize("method", ["smote", "adasyn"])
    def test_behind_the_real_ones_until_it_is_as_frequent(self, method: str) -> None:
        spec = spec_of(method)
        rows = from_frame(spec, frame_of())
        balanced, notes = balance(spec, rows)
        made = balanced.rows(len(rows), len(balanced))
        assert notes == ()
        # ADASYN rounds the rows of each neighbourhood by itself.
        assert len(made) == pytest.approx(68, abs=0 if method == "smote" else 6)
        assert set(made.labels.tolist()) == {1}
        assert len(set(balanced.record_ids)) == len(balanced)
        np.testing.assert_array_equal(balanced.columns.numeric[: len(rows)], rows.columns.numeric)
        rare = rows.columns.numeric[rows.labels == 1]
        assert (made.columns.numeric >= rare.min(axis=0) - 1e-3).all()
        assert (made.columns.numeric <= rare.max(axis=0) + 1e-3).all()

    def test_between_neighbours_by_normalised_distance(self) -> None:
        # Two clumps in x, y anywhere and in a far larger unit: by raw distance a row's neighbour would often lie in
        # the other clump, and made rows in the empty middle.
        rng = np.random.default_rng(0)
        spec = spec_of("smote", neighbours=1)
        frame = frame_of(often=60, rare=40)
        rare = frame.label == "rare"
        frame.loc[rare, "x"] = np.where(np.arange(rare.sum()) % 2, 5.0, -5.0)
        frame.loc[rare, "y"] = 1000 * rng.normal(size=rare.sum())
        rows = from_frame(spec, frame)
        balanced, _ = balance(spec, rows)
        np.testing.assert_allclose(np.abs(balanced.columns.numeric[len(rows) :, 0]), 5.0, rtol=1e-5)

    def test_seeded(self) -> None:
        spec = spec_of("smote")
        rows = from_frame(spec, frame_of())
        one, same = (balance(spec, rows)[0].columns.numeric for _ in range(2))
        other_seed = spec.model_copy(update={"training": spec.training.model_copy(update={"seed": 2})})
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, balance(other_seed, rows)[0].columns.numeric)

    def test_categories_are_those_of_neighbours_and_gaps_stay_gaps(self) -> None:
        spec = spec_of("smote", [*NUMBERS, COLOUR])
        frame = frame_of()
        frame["colour"] = np.where(frame.label == "rare", "blue", "red")
        frame.loc[frame.label == "rare", "y"] = np.nan
        rows = from_frame(spec, frame)
        balanced, _ = balance(spec, rows)
        made = balanced.columns.take(slice(len(rows), None))
        assert len(made) == 68
        assert set(made.categorical[:, 0]) == {"blue"}
        assert np.isnan(made.numeric[:, 1]).all()
        assert np.isfinite(made.numeric[:, 0]).all()

    def test_midnight_lies_between_two_hours_beside_it(self) -> None:
        hour = {"name": "x", "type": "numeric", "transform": "cyclic", "period": 24}
        spec = spec_of("smote", [hour, {"name": "y", "type": "numeric", "transform": "log"}], neighbours=11)
        frame = frame_of()
        frame["x"] = 12.0
        rare = frame.label == "rare"
        frame.loc[rare, "x"] = np.where(np.arange(rare.sum()) % 2, 23.0, 1.0)
        frame.loc[rare, "y"] = np.where(np.arange(rare.sum()) % 3, 10.0, 1000.0)
        rows = from_frame(spec, frame)
        made = balance(spec, rows)[0].columns.numeric[len(rows) :]
        assert ((made[:, 0] <= 1 + 1e-4) | (made[:, 0] >= 23 - 1e-4)).all()
        assert ((made[:, 0] > 23.2) | (made[:, 0] < 0.8)).any()
        # Half-way on the logarithm's scale is the geometric mean, 105, and not 505.
        assert (made[:, 1] >= 10 - 1e-3).all() and (made[:, 1] <= 1000).all()
        assert np.median(made[(made[:, 1] > 11) & (made[:, 1] < 999), 1]) < 300

    @pytest.mark.parametrize("method", ["none", "class-weights"])
    def test_not_by_the_other_methods(self, method: str) -> None:
        spec = spec_of(method)
        rows = from_frame(spec, frame_of())
        assert balance(spec, rows) == (rows, ())


class TestOnlyOfTrainingRows:
    def test_neither_validation_nor_held_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = spec_of("smote")
        frame = frame_of(often=150, rare=50)
        edge = 200 - round(200 * VALIDATION)
        frame.loc[edge:, "x"] += 1e6  # a row made of a validation row would lie far off
        rows = from_frame(spec, frame)
        given: list[Dataset] = []
        trained: list[Dataset] = []
        real, trainer = training.fit.balance, training.fit._Trainer
        monkeypatch.setattr(training.fit, "balance", lambda s, d: given.append(d) or real(s, d))
        monkeypatch.setattr(training.fit, "_Trainer", lambda s, d, *start: trained.append(d) or trainer(s, d))
        fitted = fit(spec, rows)
        assert given[0].record_ids == rows.record_ids[:edge]
        assert len(trained[0]) > edge
        assert trained[0].columns.numeric[:, 0].max() < 100
        refit(spec, rows, 1, learnt=fitted)
        assert given[1].record_ids == rows.record_ids
        assert len(trained[1]) == 300


class TestTooFewRowsOfAClass:
    def test_fewer_neighbours_or_left_as_it_is_and_said(self) -> None:
        spec = spec_of("smote")
        rows = from_frame(spec, frame_of(often=60, rare=3, single=1))
        balanced, notes = balance(spec, rows)
        assert np.bincount(balanced.labels).tolist() == [60, 60, 1]
        assert len(notes) == 2
        assert "'rare' has 3 training rows; made from 2 neighbours" in notes[0]
        assert "'single' has 1 training row, too few" in notes[1]
        assert fit(spec, rows).notes == balance(spec, rows.split_newest(VALIDATION)[0])[1]

    def test_adasyn_makes_none_of_a_class_that_no_other_touches(self) -> None:
        spec = spec_of("adasyn")
        frame = frame_of()
        frame.loc[frame.label == "rare", "x"] += 1e3
        rows = from_frame(spec, frame)
        balanced, notes = balance(spec, rows)
        assert len(balanced) == len(rows)
        assert len(notes) == 1 and "left as it is" in notes[0]


class TestWhatCannotBeBalanced:
    @pytest.mark.parametrize("method", ["smote", "adasyn"])
    def test_several_labels_a_row(self, method: str) -> None:
        with pytest.raises(ValidationError, match=r"training\.imbalance\.method: read .*multilabel: none, class-w"):
            spec_of(method, task="multilabel")

    @pytest.mark.parametrize(
        ("method", "features", "allowed"),
        [
            ("smote", [*NUMBERS, {"name": "t", "type": "text"}], "with text features: none, class-weights"),
            ("adasyn", [{"name": "t", "type": "text"}], "with text features: none, class-weights"),
            ("smote", [COLOUR], "with categorical features alone: none, class-weights"),
            ("adasyn", [*NUMBERS, COLOUR], "with categorical features: none, class-weights, smote"),
        ],
    )
    def test_features_between_which_nothing_lies(self, method: str, features: Any, allowed: str) -> None:
        with pytest.raises(ValidationError, match=rf"training\.imbalance\.method: read {method}.*allowed {allowed}"):
            spec_of(method, features)

    def test_without_the_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
        spec = spec_of("smote")
        with pytest.raises(UsageError, match=r"pip install 'driftline\[balance\]'"):
            balance(spec, from_frame(spec, frame_of()))
