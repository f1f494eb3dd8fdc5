from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from driftline.errors import UsageError
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import Dataset, from_frame
from training.fit import VALIDATION, Epoch, fit, refit
from training.origin import Origin
from training.train import Trained, train


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    return from_frame(numeric_spec(), numeric_frame(200))


class TestTheSameSeedGivesTheSameModel:
    def test_to_the_bit_whatever_was_trained_before(self, blobs: Dataset) -> None:
        spec = numeric_spec(epochs=4)
        first = fit(spec, blobs)
        refit(numeric_spec(seed=9), blobs, 2)
        second = fit(spec, blobs)
        assert first.history == second.history
        np.testing.assert_array_equal(first.score(blobs.columns), second.score(blobs.columns))

    def test_another_seed_another_model(self, blobs: Dataset) -> None:
        one, other = (refit(numeric_spec(seed=seed), blobs, 2).score(blobs.columns) for seed in (1, 2))
        assert not np.array_equal(one, other)


class TestEarlyStopping:
    def test_keeps_the_best_epoch_on_the_newest_training_rows(self, blobs: Dataset) -> None:
        seen: list[Epoch] = []
        fitted = fit(numeric_spec(epochs=30, patience=3, learning_rate=0.1), blobs, seen.append)
        losses = [epoch.val_loss for epoch in fitted.history if epoch.val_loss is not None]
        assert list(fitted.history) == seen
        assert fitted.epochs == int(np.argmin(losses)) + 1
        assert len(losses) <= fitted.epochs + 3
        _, newest = blobs.split_newest(VALIDATION)
        chosen = fitted.score(newest.columns)[np.arange(len(newest)), newest.labels]
        assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-4, abs=1e-6)

    def test_a_loss_that_is_never_finite_keeps_the_start(self, blobs: Dataset) -> None:
        fitted = fit(numeric_spec(epochs=3, patience=2, learning_rate=1.0), blobs)
        assert np.isfinite(fitted.score(blobs.columns)).all()


class TestLearns:
    def test_what_there_is_to_learn(self, blobs: Dataset) -> None:
        fitted = refit(numeric_spec(), blobs, 15)
        fresh = from_frame(numeric_spec(), numeric_frame(300, seed=5))
        assert (fitted.score(fresh.columns).argmax(axis=1) == fresh.labels).mean() > 0.95

    def test_multilabel(self) -> None:
        frame = numeric_frame(300)
        frame["label"] = [
            ";".join(n for n, x in zip("abc", row, strict=True) if x > 2) for row in frame.to_numpy()[:, :3]
        ]
        spec = numeric_spec().model_copy(update={"task": "multilabel"})
        data = from_frame(spec, frame)
        fitted = refit(spec, data, 20)
        assert ((fitted.score(data.columns) > 0.5) == data.labels).mean() > 0.95

    def test_nothing_to_tell_apart_is_said(self, tmp_path: object) -> None:
        from pathlib import Path

        data = from_frame(numeric_spec(), numeric_frame(60).assign(label="b"))
        with pytest.raises(UsageError, match=r"same label \(b\).*sorted by label"):
            train(numeric_spec(), data, Origin(source="t", created_at=0), Path(str(tmp_path)))


class TestARefusedCandidate:
    def test_leaves_no_files(self, blobs: Dataset, tmp_path: object) -> None:
        from pathlib import Path

        out = Path(str(tmp_path)) / "model"
        perfect = refit(numeric_spec(), blobs, 15)
        outcome = train(
            numeric_spec(epochs=1, learning_rate=1e-6), blobs, Origin(source="t", created_at=0), out, champion=perfect
        )
        assert isinstance(outcome, Trained)
        assert outcome.manifest is None
        assert not outcome.verdict.promoted
        assert outcome.verdict.champion is not None
        assert not out.exists()


class TestWhatTheNetworkMayBeMadeOf:
    def test_batch_normalization_moves_its_statistics_and_leaves_with_the_model(self, tmp_path: Path) -> None:
        from training.export import export

        spec = numeric_spec(
            epochs=8, network={"hidden": [16, 8], "batch_normalization": True, "activation": "silu", "dropout": 0.1}
        )
        dataset = from_frame(spec, numeric_frame(300))
        fitted = fit(spec, dataset)
        moved = fitted.network.logits.get_layer("normal_0").moving_mean.numpy()
        assert np.abs(moved).max() > 0.01
        exported = export(spec, fitted.network, dataset.columns, tmp_path / "model")
        assert exported.runtime == "litert", exported.reason
        right = fitted.score(dataset.columns).argmax(axis=1) == dataset.labels
        assert right.mean() > 0.9

    def test_the_best_statistics_are_restored_with_the_best_weights(self) -> None:
        spec = numeric_spec(epochs=6, patience=6, network={"hidden": [8], "batch_normalization": True})
        dataset = from_frame(spec, numeric_frame(200))
        fitted = fit(spec, dataset)
        best = min(epoch.val_loss for epoch in fitted.history if epoch.val_loss is not None)
        _, newest = dataset.split_newest(VALIDATION)
        rows = np.arange(len(newest))
        loss = -np.log(fitted.score(newest.columns)[rows, newest.labels]).mean()
        assert loss == pytest.approx(best, rel=1e-3)

    @pytest.mark.parametrize("penalty", ["l1", "l2"])
    def test_a_penalty_makes_the_weights_smaller(self, penalty: str) -> None:
        sizes = []
        for strength in (0.0, 0.5):
            spec = numeric_spec(epochs=8, learning_rate=0.01, network={"hidden": [16], penalty: strength})
            fitted = fit(spec, from_frame(spec, numeric_frame(200)))
            sizes.append(float(np.abs(fitted.network.logits.get_layer("hidden_0").kernel.numpy()).mean()))
        assert sizes[1] < 0.8 * sizes[0]

    def test_no_hidden_layer_is_a_linear_model(self) -> None:
        spec = numeric_spec(epochs=3, network={"hidden": []})
        fitted = fit(spec, from_frame(spec, numeric_frame(100)))
        assert [weight.shape for weight in fitted.network.logits.get_weights()] == [(3, 3), (3,)]

    def test_macro_f1_may_decide_which_weights_are_best(self) -> None:
        spec = numeric_spec(epochs=10, patience=3, monitor="f1", network={"hidden": [16]})
        dataset = from_frame(spec, numeric_frame(300))
        fitted = fit(spec, dataset)
        _, newest = dataset.split_newest(VALIDATION)
        kept = f1_score(newest.labels, fitted.score(newest.columns).argmax(axis=1), average="macro")
        # The same run, ended where the best epoch was: so these are its weights, and not the last ones.
        again = fit(
            spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": fitted.epochs})}), dataset
        )
        np.testing.assert_array_equal(again.score(newest.columns), fitted.score(newest.columns))
        assert kept >= 0.7 and fitted.epochs <= len(fitted.history)

    def test_class_weights_find_more_of_a_rare_class(self) -> None:
        frame = numeric_frame(600, seed=3)
        frame[["x0", "x1", "x2"]] += np.random.default_rng(1).normal(0, 2, (600, 3))  # harder to tell apart
        rare = frame[(frame.label != "c") | (np.arange(600) % 8 == 0)].reset_index(drop=True)
        asked = frame[frame.label == "c"].reset_index(drop=True)
        found = []
        for method in ("none", "class-weights"):
            spec = numeric_spec(epochs=10, network={"hidden": [16]}, imbalance={"method": method})
            fitted = fit(spec, from_frame(spec, rare))
            found.append((fitted.score(from_frame(spec, asked).columns).argmax(axis=1) == 2).mean())
        assert found[1] > found[0] + 0.1
