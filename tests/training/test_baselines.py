"""The models that the network has to beat."""

import numpy as np
import pandas as pd
import pytest

from driftline.registry.manifest import Evaluation
from driftline.spec.stream import StreamSpec
from tests.training.conftest import Made, numeric_frame, numeric_spec
from training.baselines import Baseline, baseline
from training.data import from_frame
from training.train import not_beaten

BOTH: list[Baseline] = ["logistic", "boosted"]


@pytest.mark.parametrize("name", BOTH)
class TestBaselines:
    def test_separable_classes_are_told_apart(self, name: Baseline) -> None:
        spec = numeric_spec()
        older, newest = from_frame(spec, numeric_frame(400)).split_newest(0.25)
        found = baseline(spec, name, older, newest.columns)
        assert found.shape == (100, 3)
        assert found.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-5)
        assert (found.argmax(axis=1) == newest.labels).mean() > 0.9

    def test_every_kind_of_feature_gaps_and_unknown_categories(
        self, name: Baseline, mixed_spec: StreamSpec, mixed_frame: pd.DataFrame
    ) -> None:
        older, newest = from_frame(mixed_spec, mixed_frame).split_newest(0.2)
        found = baseline(mixed_spec, name, older, newest.columns)
        assert ((found[:, 1] > 0.5) == newest.labels).mean() > 0.7

    def test_one_for_each_class_of_a_multilabel_stream_and_none_for_one_that_never_holds(self, name: Baseline) -> None:
        spec = StreamSpec.model_validate(
            {
                "stream": "s",
                "task": "multilabel",
                "classes": ["hot", "wet", "never"],
                "features": [{"name": "a", "type": "numeric"}, {"name": "b", "type": "numeric"}],
            }
        )
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(300, 2)), columns=["a", "b"])
        frame["hot"], frame["wet"], frame["never"] = (frame.a > 0).astype(int), (frame.b > 0).astype(int), 0
        older, newest = from_frame(spec, frame).split_newest(0.2)
        found = baseline(spec, name, older, newest.columns)
        assert ((found[:, :2] > 0.5) == newest.labels[:, :2]).mean() > 0.9
        assert (found[:, 2] == 0).all()

    def test_a_class_that_was_not_there_has_probability_zero(self, name: Baseline) -> None:
        spec = numeric_spec()
        frame = numeric_frame(300)
        older = from_frame(spec, frame[frame.label != "b"].reset_index(drop=True))
        assert (baseline(spec, name, older, older.columns)[:, 1] == 0).all()

    def test_it_learns_from_the_newest_rows_that_it_is_given(self, name: Baseline) -> None:
        spec = numeric_spec()
        frame = pd.concat([numeric_frame(200), numeric_frame(200, seed=1, turn=1)], ignore_index=True)
        dataset = from_frame(spec, frame)
        asked = from_frame(spec, numeric_frame(100, seed=2, turn=1))
        found = baseline(spec, name, dataset, asked.columns, most_rows=200)
        assert (found.argmax(axis=1) == asked.labels).mean() > 0.9

    @pytest.mark.parametrize(
        "odd", ["no number", "nothing at all", "one row of a class", "many categories", "no words"]
    )
    def test_odd_columns_do_not_end_a_training(self, name: Baseline, odd: str) -> None:
        # Trees that stop early keep back a share of each class, above 10,000 rows.
        rows = 10_100 if odd == "one row of a class" else 600
        frame, further = numeric_frame(rows), list[dict[str, object]]()
        if odd == "many categories":
            cities = [f"k{i}" for i in range(255)]
            further = [{"name": "k", "type": "categorical", "categories": cities}]
            frame["k"] = [None if i % 3 == 0 else cities[i % 255] for i in range(rows)]
            frame.loc[:254, "k"] = cities
        elif odd == "no words":
            further = [{"name": "t", "type": "text"}]
            frame["t"] = None
        elif odd == "one row of a class":
            frame["label"] = frame.label.replace("c", "a")
            frame.loc[0, "label"] = "c"
        else:
            frame[["x0"] if odd == "no number" else ["x0", "x1", "x2"]] = np.nan
        plain = numeric_spec().model_dump(mode="json")
        spec = StreamSpec.model_validate({**plain, "features": [*plain["features"], *further]})
        dataset = from_frame(spec, frame)
        found = baseline(spec, name, dataset, dataset.columns)
        assert found.sum(axis=1) == pytest.approx(np.ones(rows), abs=1e-5)
        shares = np.bincount(dataset.labels, minlength=3) / rows
        assert found.mean(axis=0) == pytest.approx(shares, abs=0.05)


def test_the_logistic_baseline_stands_in_every_manifest(mixed_model: Made) -> None:
    manifest = mixed_model.manifest
    other = manifest.baselines["logistic"]  # type: ignore[attr-defined]
    candidate = manifest.verdict.candidate  # type: ignore[attr-defined]
    assert other.rows == candidate.rows
    assert other.pr_auc is not None and candidate.intervals["accuracy"]
    said = any("does not beat logistic regression" in reason for reason in manifest.verdict.reasons)  # type: ignore[attr-defined]
    assert said == (other.accuracy > candidate.accuracy)


def test_a_network_that_does_not_beat_a_straight_line_says_so() -> None:
    worse, better = Evaluation(rows=10, accuracy=0.8), Evaluation(rows=10, accuracy=0.9)
    assert not_beaten(worse, {"logistic": better, "boosted": worse}) == (
        "does not beat logistic regression: accuracy 0.800 against 0.900",
    )
