from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer, TensorFlowScorer
from driftline.spec.stream import StreamSpec
from training.calibration import KNOTS, Calibration, learn_calibration
from training.data import Dataset, from_frame
from training.export import export
from training.figures import figures
from training.fit import VALIDATION, Fitted, fit, refit

METHODS = ("temperature", "isotonic")
TASKS = ("binary", "multiclass", "multilabel")


def spec_of(task: str, calibration: str) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "stream": "sure",
            "task": task,
            "classes": ["a", "b"] if task == "binary" else ["a", "b", "c"],
            "features": [{"name": f"x{i}", "type": "numeric"} for i in range(3)],
            "training": {
                "epochs": 6,
                "network": {"hidden": [16], "dropout": 0.0},
                "learning_rate": 0.01,
                "decision": {"calibration": calibration},
            },
        }
    )


def data_of(spec: StreamSpec, n: int = 700) -> Dataset:
    rng = np.random.default_rng(2)
    k = rng.integers(0, len(spec.classes), n)
    values = rng.normal(size=(n, 3)) + 1.2 * np.eye(3)[k]
    frame = pd.DataFrame(values, columns=["x0", "x1", "x2"])
    frame["label"] = [spec.classes[i] for i in k]
    if spec.task == "multilabel":
        frame["label"] = [";".join(c for c, x in zip("abc", row, strict=True) if x > 0.4) for row in values]
    return from_frame(spec, frame)


def overconfident(spec: StreamSpec, n: int = 4_000, heat: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `heat` times those that the labels are drawn from."""
    rng = np.random.default_rng(8)
    honest = rng.normal(0, 1.5, (n, 1 if spec.task == "binary" else 3))
    if spec.task == "multiclass":
        labels = (honest + rng.gumbel(size=honest.shape)).argmax(axis=1)
        return (heat * honest).astype(np.float32), labels
    labels = rng.random(honest.shape) < 1 / (1 + np.exp(-honest))
    return (heat * honest).astype(np.float32), labels[:, 0].astype(np.int64) if spec.task == "binary" else labels


def error_of(task: str, p: np.ndarray, labels: np.ndarray) -> float:
    codes = p >= 0.5 if task == "multilabel" else p.argmax(axis=1)
    return float(figures(task, p, codes, labels, np.ones((1, len(p))))["calibration_error"][0])


class TestTheExpectedCalibrationError:
    def test_is_the_mean_gap_of_the_bins(self) -> None:
        # Four rows at 0.9, three of them right: |0.75 - 0.9|; one at 0.6 that is wrong: |0 - 0.6|.
        p = np.array([[0.1, 0.9]] * 4 + [[0.6, 0.4]], dtype=np.float32)
        found = error_of("binary", p, np.array([1, 1, 1, 0, 1]))
        assert found == pytest.approx((4 * 0.15 + 0.6) / 5, abs=1e-6)

    def test_of_multilabel_is_the_mean_over_classes(self) -> None:
        p = np.array([[0.9, 0.2]], dtype=np.float32)
        assert error_of("multilabel", p, np.array([[True, True]])) == pytest.approx((0.1 + 0.8) / 2, abs=1e-6)

    def test_a_sure_and_right_answer_is_honest(self) -> None:
        assert error_of("multiclass", np.eye(3, dtype=np.float32), np.arange(3)) == 0.0


class TestTheTemperature:
    @pytest.mark.parametrize("task", TASKS)
    def test_is_that_by_which_logits_are_too_hot(self, task: str) -> None:
        spec = spec_of(task, "temperature")
        found = learn_calibration(spec, *overconfident(spec))
        assert found is not None and found.starts is None
        assert found.temperature.shape == ((3,) if task == "multilabel" else (1,))
        np.testing.assert_allclose(found.temperature, 3.0, rtol=0.15)

    def test_none_is_none(self) -> None:
        spec = spec_of("binary", "none")
        assert learn_calibration(spec, *overconfident(spec)) is None


class TestAnIsotonicMap:
    @pytest.mark.parametrize("task", TASKS)
    def test_rises_in_few_pieces_between_0_and_1(self, task: str) -> None:
        spec = spec_of(task, "isotonic")
        found = learn_calibration(spec, *overconfident(spec))
        assert found is not None and found.rises is not None and found.widths is not None and found.base is not None
        assert found.rises.shape == (1 if task == "binary" else 3, KNOTS - 1)
        assert (found.rises >= 0).all() and (found.widths >= 1e-3 - 1e-9).all() and (found.base > 0).all()
        assert (found.base + found.rises.sum(axis=1) < 1).all()

    def test_of_rows_without_the_class_is_still_a_probability(self) -> None:
        spec = spec_of("binary", "isotonic")
        found = learn_calibration(spec, np.linspace(-3, 3, 20, dtype=np.float32)[:, None], np.zeros(20, dtype=np.int64))
        assert found is not None and found.base is not None and found.rises is not None
        assert found.base[0] == pytest.approx(1 / 40) and found.rises.sum() == 0


class TestOnTheValidationRows:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("task", TASKS)
    def test_probabilities_become_more_honest(self, task: str, method: str) -> None:
        """The graph's own map on logits that are known to be three times too large."""
        from training.calibration import calibrated
        from training.network import Network
        from training.runtime import keras

        spec = spec_of(task, method)
        logits, labels = overconfident(spec)
        half = len(logits) // 2
        identity = keras.Input((logits.shape[1],), name="numeric")
        kind = "softmax" if task == "multiclass" else "sigmoid"
        network = Network(
            None,  # type: ignore[arg-type]
            keras.Model(identity, keras.layers.Activation("linear")(identity)),
            keras.Model(identity, keras.layers.Activation(kind)(identity)),
        )
        honest = calibrated(spec, network, learn_calibration(spec, logits[:half], labels[:half]))

        def measured(one: Network) -> tuple[float, float]:
            p = one.inner(logits[half:], training=False).numpy()
            p = np.concatenate([1 - p, p], axis=1) if task == "binary" else p
            truth = labels[half:]
            p64 = p.ravel().astype(float) if task == "multilabel" else p / p.sum(axis=1, keepdims=True, dtype=float)
            loss = log_loss(truth.ravel(), p64)
            return error_of(task, p, truth), loss

        before, after = measured(network), measured(honest)
        assert after[0] < before[0] / 2
        assert after[1] < before[1]

    def test_are_those_of_early_stopping_and_no_other(self) -> None:
        spec = spec_of("multiclass", "temperature")
        data = data_of(spec)
        _, newest = data.split_newest(VALIDATION)
        fitted = fit(spec, data)
        plain = fit(spec_of("multiclass", "none"), data)
        logits = plain.network.logits(plain.network.preprocessing.encode(newest.columns)).numpy()
        again = learn_calibration(spec, logits, newest.labels)
        assert again is not None and fitted.calibration is not None
        np.testing.assert_allclose(fitted.calibration.temperature, again.temperature, rtol=1e-5)
        assert plain.calibration is None
        assert not np.allclose(fitted.score(data.columns), plain.score(data.columns), atol=1e-4)


class TestInsideTheGraph:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("task", TASKS)
    def test_python_saved_model_and_litert_agree(self, task: str, method: str, tmp_path: Path) -> None:
        spec = spec_of(task, method)
        data = data_of(spec)
        learnt = fit(spec, data)
        fitted = refit(spec, data, 2, learnt=learnt)
        assert fitted.calibration is learnt.calibration and isinstance(fitted.calibration, Calibration)
        exported = export(spec, fitted.network, data.columns, tmp_path)
        assert exported.runtime == "litert", exported.reason
        columns = strange(data.columns)
        look_ups = fitted.network.preprocessing.look_ups
        ours = fitted.score(columns)
        for other in (LiteRTScorer((tmp_path / "model.tflite").read_bytes(), look_ups), TensorFlowScorer(tmp_path)):
            np.testing.assert_allclose(other.score(columns), ours, atol=1e-5, rtol=0)
        assert ((ours >= 0) & (ours < 1 + 1e-6)).all()
        if task != "multilabel":
            np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-5)
        assert not np.allclose(ours, uncalibrated(fitted, task, columns), atol=1e-3)


def strange(columns: Columns) -> Columns:
    numeric = columns.numeric.copy()
    numeric[::3, 0] = np.nan
    numeric[::5] *= 50
    return Columns(numeric, columns.categorical, columns.text)


def uncalibrated(fitted: Fitted, task: str, columns: Columns) -> Any:
    logits = fitted.network.logits(fitted.network.preprocessing.encode(columns)).numpy().astype(np.float64)
    if task == "multiclass":
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    p = 1 / (1 + np.exp(-logits))
    return np.concatenate([1 - p, p], axis=1) if task == "binary" else p
