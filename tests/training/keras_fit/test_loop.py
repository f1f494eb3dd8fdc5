"""What `training.loop: fit` promises, beside that it agrees with the compiled loop."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import Dataset, from_frame
from training.evaluate import evaluate
from training.fit import VALIDATION, Epoch, fit, refit
from training.keras_fit import precision
from training.keras_fit.feed import in_memory
from training.keras_fit.strategies import workers
from training.network import build
from training.preprocessing import learn
from training.runtime import keras, tf

SMALL = {"network": {"hidden": [16]}, "loop": "fit"}


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    return from_frame(numeric_spec(), numeric_frame(200))


class TestTheSameSeed:
    def test_gives_the_same_model_and_another_seed_another(self, blobs: Dataset) -> None:
        one, again, other = (
            refit(numeric_spec(**SMALL, seed=seed), blobs, 2).score(blobs.columns) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(one, again)
        assert not np.array_equal(one, other)

    def test_every_pass_takes_every_row_once_in_another_order(self, blobs: Dataset) -> None:
        spec = numeric_spec(**SMALL)
        feed = in_memory(spec, learn(spec, blobs.columns), blobs, None, workers("none"))
        passes = [np.concatenate([x["numeric"] for x, _ in feed.training.as_numpy_iterator()]) for _ in range(2)]
        assert not np.array_equal(passes[0], passes[1])
        for rows in (*passes, blobs.columns.numeric):
            np.testing.assert_array_equal(rows[np.lexsort(rows.T)], passes[0][np.lexsort(passes[0].T)])
        assert feed.steps == len(list(feed.training)) == 7


class TestEarlyStopping:
    def test_on_the_loss(self, blobs: Dataset) -> None:
        seen: list[Epoch] = []
        fitted = fit(numeric_spec(**SMALL, epochs=30, patience=2, learning_rate=0.1), blobs, seen.append)
        losses = [epoch.val_loss for epoch in seen if epoch.val_loss is not None]
        assert list(fitted.history) == seen and len(seen) < 30
        assert fitted.epochs == int(np.argmin(losses)) + 1 and len(losses) == fitted.epochs + 2
        newest = blobs.split_newest(VALIDATION)[1]
        chosen = fitted.score(newest.columns)[np.arange(len(newest)), newest.labels]
        assert -np.log(chosen).mean() == pytest.approx(min(losses), rel=1e-3, abs=1e-6)

    def test_on_f1_restores_the_best_file(self, blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = numeric_spec(**SMALL, epochs=12, patience=3, monitor="f1", learning_rate=0.3)
        scores: list[float] = []
        loaded: list[str] = []
        load = keras.Model.load_weights
        monkeypatch.setattr(
            keras.Model, "load_weights", lambda self, path: (loaded.append(Path(path).name), load(self, path))
        )
        told = keras.callbacks.EarlyStopping.on_epoch_end

        def listen(self: object, epoch: int, logs: dict[str, float]) -> None:
            scores.append(logs["val_f1"])
            told(self, epoch, logs)

        monkeypatch.setattr(keras.callbacks.EarlyStopping, "on_epoch_end", listen)
        fitted = fit(spec, blobs)
        assert loaded == ["best.weights.h5"]
        assert fitted.epochs == int(np.argmax(scores)) + 1
        newest = blobs.split_newest(VALIDATION)[1]
        macro = evaluate(spec, fitted.score(newest.columns), newest.labels).macro_f1
        assert macro == pytest.approx(max(scores), abs=1e-6)

    def test_a_loss_that_is_never_finite_keeps_the_start(self, blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        from training.keras_fit import trainee

        monkeypatch.setattr(trainee, "loss_of", lambda *asked: lambda labels, logits: tf.reduce_mean(logits) * np.nan)
        fitted = fit(numeric_spec(**SMALL, epochs=2), blobs)
        assert np.isfinite(fitted.score(blobs.columns)).all()


class TestEveryKindOfStream:
    def test_text_and_categories_and_a_binary_label(self, mixed_spec: StreamSpec, mixed_frame: pd.DataFrame) -> None:
        spec = with_training(mixed_spec, loop="fit", epochs=8, monitor="f1")
        data = from_frame(spec, mixed_frame)
        fitted = fit(spec, data)
        assert evaluate(spec, fitted.score(data.columns), data.labels).accuracy > 0.7

    def test_multilabel(self) -> None:
        frame = numeric_frame(200)
        frame["label"] = [
            ";".join(n for n, x in zip("abc", row, strict=True) if x > 2) for row in frame.to_numpy()[:, :3]
        ]
        spec = numeric_spec(**SMALL, learning_rate=0.01).model_copy(update={"task": "multilabel"})
        data = from_frame(spec, frame)
        assert evaluate(spec, fit(spec, data).score(data.columns), data.labels).accuracy > 0.9

    def test_mirrored_takes_the_same_steps_on_one_device(self, blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        from training.keras_fit import loop

        monkeypatch.setattr(loop, "in_memory", functools.partial(in_memory, shuffled=False))
        settings = {"network": {"hidden": [16], "dropout": 0.0}, "loop": "fit"}
        plain = refit(numeric_spec(**settings), blobs, 2)
        mirrored = refit(numeric_spec(**settings, strategy="mirrored"), blobs, 2)
        assert [e.loss for e in mirrored.history] == pytest.approx([e.loss for e in plain.history], rel=1e-4)


def with_training(spec: StreamSpec, **training: object) -> StreamSpec:
    document = spec.model_dump()
    return StreamSpec.model_validate({**document, "training": {**document["training"], **training}})


class TestMixedPrecision:
    def test_dense_layers_compute_in_float16_and_logits_in_float32(self, blobs: Dataset) -> None:
        spec = numeric_spec(**SMALL)
        network = build(spec, learn(spec, blobs.columns))
        rows = {"numeric": tf.constant([[1e6, 0.0, 0.0]])}
        before = network.logits(rows).numpy()
        hidden = keras.Model(network.logits.input, network.logits.get_layer("hidden_0").output)
        with precision.half_precision(network, True):
            assert hidden(rows).dtype == tf.float16
            logits = network.logits(rows)
            assert logits.dtype == tf.float32 and np.isfinite(logits.numpy()).all()
            assert all(weight.dtype == "float32" for weight in network.logits.weights)
        assert hidden(rows).dtype == tf.float32
        np.testing.assert_array_equal(network.logits(rows).numpy(), before)

    def test_a_network_learns_with_it(self, blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        from training.keras_fit import loop

        monkeypatch.setattr(loop, "wanted", lambda spec, weights=None: True)
        fitted = refit(numeric_spec(**SMALL, learning_rate=0.01), blobs, 8)
        assert (fitted.score(blobs.columns).argmax(axis=1) == blobs.labels).mean() > 0.95

    def test_not_on_a_cpu_nor_where_it_is_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [])
        assert not precision.wanted(numeric_spec(loop="fit"))
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
        assert precision.wanted(numeric_spec(loop="fit"))
        assert not precision.wanted(numeric_spec(loop="fit", mixed_precision="off"))
