"""card.json: what it says is what scikit-learn, or a count by hand, says of the same rows."""

import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from driftline.model.answers import Decision
from driftline.registry.card import CARD, Card
from driftline.registry.manifest import Manifest
from driftline.spec.stream import StreamSpec
from tests.training.conftest import Made, numeric_frame, numeric_spec
from training import importance
from training.card import MOST_CURVES, MOST_POINTS, card_of
from training.data import Dataset, from_frame
from training.evaluate import evaluate_fully
from training.fit import Fitted, fit
from training.splits import split


def judged(spec: StreamSpec, rows: int = 300) -> tuple[Fitted, Dataset]:
    older, held_out = split(spec, from_frame(spec, numeric_frame(rows)), 0.3)
    return fit(spec, older), held_out


@pytest.fixture(scope="module")
def blobs() -> tuple[StreamSpec, Fitted, Dataset]:
    spec = numeric_spec(network={"hidden": [12, 6]})
    return (spec, *judged(spec))


@pytest.fixture(scope="module")
def card(blobs: tuple[StreamSpec, Fitted, Dataset]) -> Card:
    spec, fitted, held_out = blobs
    return card_of(spec, fitted, held_out, fitted.score(held_out.columns), Decision(spec))


class TestInAVersion:
    def test_it_lies_beside_the_manifest(self, mixed_model: Made) -> None:
        assert isinstance(mixed_model.manifest, Manifest)
        card = Card.model_validate_json((mixed_model.folder / CARD).read_text())
        assert card.held_out_rows == mixed_model.manifest.verdict.candidate.rows
        assert [curve.name for curve in card.curves] == ["good"]
        assert {one.name for one in card.permutation.features} == {f.name for f in mixed_model.spec.features}
        assert [layer.name for layer in card.layers] == ["hidden_0"]

    def test_what_matters_comes_first_and_a_constant_costs_nothing(self, mixed_model: Made) -> None:
        card = Card.model_validate_json((mixed_model.folder / CARD).read_text())
        ranked = [one.name for one in card.permutation.features]
        assert ranked[0] == "temp"
        constant = next(one for one in card.permutation.features if one.name == "constant")
        assert (constant.log_loss, constant.accuracy) == (0, 0)


class TestFigures:
    def test_learning_curves(self, blobs: tuple[StreamSpec, Fitted, Dataset], card: Card) -> None:
        fitted = blobs[1]
        assert card.epochs.loss == tuple(epoch.loss for epoch in fitted.history)
        assert card.epochs.val_loss == tuple(epoch.val_loss for epoch in fitted.history)
        assert card.epochs.best == fitted.epochs

    def test_the_areas_below_the_curves(self, blobs: tuple[StreamSpec, Fitted, Dataset], card: Card) -> None:
        spec, fitted, held_out = blobs
        scores = fitted.score(held_out.columns)
        assert {curve.name for curve in card.curves} == set(spec.classes)
        for curve in card.curves:
            k = spec.classes.index(curve.name)
            true = held_out.labels == k
            assert curve.rows == true.sum()
            roc = np.trapezoid(curve.recall, curve.false_positive_rate)
            assert roc == pytest.approx(roc_auc_score(true, scores[:, k]), abs=1e-3)
            precision = (np.diff(curve.recall) * curve.precision[1:]).sum()
            assert precision == pytest.approx(average_precision_score(true, scores[:, k]), abs=1e-3)

    def test_calibration_bins_add_up_to_the_error(self, blobs: tuple[StreamSpec, Fitted, Dataset], card: Card) -> None:
        spec, fitted, held_out = blobs
        bins = card.calibration
        assert sum(bins.rows) == len(held_out)
        gaps = [
            n * abs(c - r)
            for n, c, r in zip(bins.rows, bins.confidence, bins.right, strict=True)
            if c is not None and r is not None
        ]
        measured = evaluate_fully(spec, fitted.score(held_out.columns), held_out.labels, resamples=0)
        assert sum(gaps) / len(held_out) == pytest.approx(measured.calibration_error, abs=1e-6)

    def test_layers(self, blobs: tuple[StreamSpec, Fitted, Dataset], card: Card) -> None:
        _, fitted, held_out = blobs
        assert [(layer.name, layer.units) for layer in card.layers] == [("hidden_0", 12), ("hidden_1", 6)]
        # By hand: the first layer is a product and a ramp over the normalised inputs.
        x = (held_out.columns.numeric - fitted.network.preprocessing.mean) / np.sqrt(
            fitted.network.preprocessing.variance
        )
        weights, offset = fitted.network.logits.get_layer("hidden_0").get_weights()
        by_hand = np.maximum(x @ weights + offset, 0)
        assert card.layers[0].mean == pytest.approx(by_hand.mean(), rel=1e-3)
        assert card.layers[0].zeros == pytest.approx((by_hand == 0).mean(), abs=2e-3)
        assert card.layers[0].dead == pytest.approx((by_hand == 0).all(axis=0).mean())

    def test_a_dead_layer_is_told(self) -> None:
        spec = numeric_spec(network={"hidden": [4]}, epochs=1)
        fitted, held_out = judged(spec)
        layer = fitted.network.logits.get_layer("hidden_0")
        kernel, _ = layer.get_weights()
        layer.set_weights([kernel, np.full(4, -1e6, np.float32)])
        card = card_of(spec, fitted, held_out, fitted.score(held_out.columns), Decision(spec))
        assert (card.layers[0].zeros, card.layers[0].dead) == (1, 1)

    def test_normalized_and_calibrated_networks_have_their_layers_too(self) -> None:
        spec = numeric_spec(
            network={"hidden": [4], "batch_normalization": True}, epochs=2, decision={"calibration": "temperature"}
        )
        fitted, held_out = judged(spec)
        card = card_of(spec, fitted, held_out, fitted.score(held_out.columns), Decision(spec))
        assert [layer.name for layer in card.layers] == ["activation_0"]
        none = numeric_spec(network={"hidden": []}, epochs=2)
        fitted, held_out = judged(none)
        assert card_of(none, fitted, held_out, fitted.score(held_out.columns), Decision(none)).layers == ()


class TestMultilabel:
    def test_decisions_by_class(self) -> None:
        spec = StreamSpec.model_validate(
            {
                "stream": "m",
                "task": "multilabel",
                "classes": ["hot", "loud"],
                "features": [{"name": "x", "type": "numeric"}, {"name": "y", "type": "numeric"}],
                "training": {"epochs": 4},
            }
        )
        rng = np.random.default_rng(0)
        frame = numeric_frame(200)[["x0", "x1"]].set_axis(["x", "y"], axis=1)
        frame["hot"], frame["loud"] = (frame.x > 1).astype(int), (frame.y + rng.normal(size=200) > 1).astype(int)
        older, held_out = split(spec, from_frame(spec, frame), 0.3)
        fitted = fit(spec, older)
        scores = fitted.score(held_out.columns)
        card = card_of(spec, fitted, held_out, scores, Decision(spec))
        for k, counts in enumerate(card.decisions):
            said, true = scores[:, k] >= 0.5, held_out.labels[:, k]
            assert counts.true_positive == (said & true).sum()
            assert counts.false_negative == (~said & true).sum()
            both = counts.true_positive + counts.false_positive + counts.false_negative + counts.true_negative
            assert both == len(held_out)
        assert sum(card.calibration.rows) == 2 * len(held_out)
        assert {one.name for one in card.permutation.features} == {"x", "y"}


class TestImportance:
    def test_against_shuffling_by_hand(
        self, blobs: tuple[StreamSpec, Fitted, Dataset], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # As many shuffles on either side as make their means agree.
        monkeypatch.setattr(importance, "REPEATS", 50)
        spec, fitted, held_out = blobs
        found = importance.permutation(spec, fitted.network, held_out, Decision(spec))
        assert found.repeats == 50
        before = evaluate_fully(spec, fitted.score(held_out.columns), held_out.labels, resamples=0)
        rng = np.random.default_rng(7)
        for j, name in enumerate(("x0", "x1", "x2")):
            rises, falls = [], []
            for _ in range(50):
                values = held_out.columns.numeric.copy()
                values[:, j] = rng.permutation(values[:, j])
                columns = type(held_out.columns)(values, held_out.columns.categorical, held_out.columns.text)
                after = evaluate_fully(spec, fitted.score(columns), held_out.labels, resamples=0)
                assert after.log_loss is not None and before.log_loss is not None
                rises.append(after.log_loss - before.log_loss)
                falls.append(before.accuracy - after.accuracy)
            told = next(one for one in found.features if one.name == name)
            assert told.log_loss == pytest.approx(np.mean(rises), abs=0.01)
            assert told.accuracy == pytest.approx(np.mean(falls), abs=0.025)
        assert [one.name for one in found.features] == ["x2", "x0", "x1"]

    def test_the_same_again(self, blobs: tuple[StreamSpec, Fitted, Dataset], card: Card) -> None:
        spec, fitted, held_out = blobs
        assert card_of(spec, fitted, held_out, fitted.score(held_out.columns), Decision(spec)) == card

    def test_of_many_features_those_that_say_most(
        self, blobs: tuple[StreamSpec, Fitted, Dataset], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec, fitted, held_out = blobs
        monkeypatch.setattr(importance, "MOST_FEATURES", 2)
        shifted = held_out.columns.numeric.copy()
        shifted[:, 1] = 0  # says nothing of the label
        rows = Dataset(
            type(held_out.columns)(shifted, held_out.columns.categorical, held_out.columns.text),
            held_out.labels,
            held_out.record_ids,
            held_out.event_times,
        )
        found = importance.permutation(spec, fitted.network, rows, Decision(spec))
        assert {one.name for one in found.features} == {"x0", "x2"}
        assert found.left_out == 1


class TestBounds:
    def test_small_and_cheap(self, tmp_path: Path) -> None:
        classes = [f"c{k}" for k in range(15)]
        features = [{"name": f"x{j}", "type": "numeric"} for j in range(49)]
        spec = StreamSpec.model_validate(
            {"stream": "wide", "classes": classes, "features": features, "training": {"epochs": 1}}
        )
        rng = np.random.default_rng(0)
        from driftline.model.columns import Columns

        n, none = 5_000, np.empty((5_000, 0), dtype=object)
        columns = Columns(rng.normal(size=(n, 49)).astype(np.float32), none, none)
        dataset = Dataset(columns, rng.integers(0, 15, n), [str(i) for i in range(n)], np.arange(n))
        fitted = fit(spec, dataset.rows(0, 500))
        scores = fitted.score(columns)
        started = time.process_time()
        card = card_of(spec, fitted, dataset, scores, Decision(spec))
        assert time.process_time() - started < 2  # 0.4 s on two cores at leisure
        assert len(card.curves) == MOST_CURVES
        assert max(len(curve.recall) for curve in card.curves) <= MOST_POINTS
        assert card.permutation.rows * 49 <= importance.WORK
        assert len(card.model_dump_json()) < 150_000
