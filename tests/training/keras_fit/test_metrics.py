import warnings

import numpy as np
import pytest
from sklearn.metrics import f1_score

from training.keras_fit.metrics import MacroF1


def sklearn_f1(labels: object, codes: object) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(f1_score(labels, codes, average="macro", zero_division=0))


class TestMacroF1EqualsScikitLearns:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
    def test_over_batches(self, task: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        units = 1 if task == "binary" else 5
        logits = rng.normal(size=(200, units)).astype(np.float32)
        labels: np.ndarray
        if task == "binary":
            labels, codes = rng.integers(0, 2, 200), (logits[:, 0] >= 0).astype(int)
        elif task == "multiclass":
            # The last class is neither a label nor an answer, the one before it an answer only.
            logits[:, 4] = -9
            labels, codes = rng.integers(0, 3, 200), logits.argmax(axis=1)
        else:
            labels, codes = rng.random((200, 5)) < 0.3, logits >= 0
        metric = MacroF1(task, 2 if task == "binary" else 5)  # type: ignore[arg-type]
        for start in range(0, 200, 64):
            metric.update_state(labels[start : start + 64], logits[start : start + 64])
        assert float(metric.result()) == pytest.approx(sklearn_f1(labels, codes), abs=1e-6)

    def test_a_class_that_is_answered_and_never_true_counts(self) -> None:
        metric = MacroF1("multiclass", 3)
        metric.update_state(np.array([0, 0]), np.array([[1.0, 0, 0], [0, 1.0, 0]], np.float32))
        assert float(metric.result()) == pytest.approx(sklearn_f1([0, 0], [0, 1])) == pytest.approx(1 / 3)

    def test_equal_logits_are_the_first_classs(self) -> None:
        metric = MacroF1("multiclass", 2)
        metric.update_state(np.array([0, 1]), np.zeros((2, 2), np.float32))
        assert float(metric.result()) == pytest.approx(sklearn_f1([0, 1], [0, 0]))

    def test_it_starts_again_with_each_pass(self) -> None:
        metric = MacroF1("binary", 2)
        metric.update_state(np.array([0]), np.array([[9.0]], np.float32))
        metric.reset_state()
        metric.update_state(np.array([1]), np.array([[9.0]], np.float32))
        assert float(metric.result()) == 1.0
