"""Every figure is scikit-learn's, for the slice and for each resample of it."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from driftline.spec.stream import StreamSpec
from training.evaluate import evaluate, evaluate_fully
from training.figures import areas, calibration_error, figures


def spec_of(task: str, classes: int) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "stream": "s",
            "task": task,
            "classes": [f"c{k}" for k in range(classes)],
            "features": [{"name": "x", "type": "numeric"}],
        }
    )


def drawn(task: str, n: int = 300, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if task == "multilabel":
        labels = rng.random((n, classes)) < 0.3
        noisy = labels * 1.5 + rng.normal(size=(n, classes))
        return np.round(1 / (1 + np.exp(-noisy)), 2).astype(np.float32), labels
    classes = 2 if task == "binary" else classes
    labels = rng.integers(0, classes, n)
    scores = np.exp(rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels])
    probabilities = np.round(scores / scores.sum(axis=1, keepdims=True), 2)
    if task == "binary":
        probabilities[:, 0] = 1 - probabilities[:, 1]
    return probabilities.astype(np.float32), labels


TASKS = ["binary", "multiclass", "multilabel"]


@pytest.mark.parametrize("task", TASKS)
class TestAgainstScikitLearn:
    def test_every_figure(self, task: str) -> None:
        probabilities, labels = drawn(task)
        found = evaluate_fully(spec_of(task, probabilities.shape[1]), probabilities, labels, resamples=0)
        several, average = labels.ndim == 2, "binary" if task == "binary" else "macro"
        codes = probabilities >= 0.5 if several else probabilities.argmax(axis=1)
        if task == "binary":
            codes = (probabilities[:, 1] >= 0.5).astype(int)
        truth = labels if several else np.eye(probabilities.shape[1], dtype=int)[labels]
        scores = probabilities[:, 1] if task == "binary" else probabilities
        expected = {
            "accuracy": metrics.accuracy_score(labels, codes),
            "precision": metrics.precision_score(labels, codes, average=average, zero_division=0),
            "recall": metrics.recall_score(labels, codes, average=average, zero_division=0),
            "macro_f1": metrics.f1_score(labels, codes, average="macro", zero_division=0),
            "micro_f1": metrics.f1_score(labels, codes, average="micro", zero_division=0),
            "weighted_f1": metrics.f1_score(labels, codes, average="weighted", zero_division=0),
            "roc_auc": metrics.roc_auc_score(labels if task != "multiclass" else truth, scores, average="macro"),
            "pr_auc": metrics.average_precision_score(labels if task != "multiclass" else truth, scores),
        }
        if several:
            expected["hamming_loss"] = metrics.hamming_loss(labels, codes)
            columns = range(labels.shape[1])
            expected["kappa"] = np.mean([metrics.cohen_kappa_score(labels[:, k], codes[:, k]) for k in columns])
            expected["brier"] = np.mean([metrics.brier_score_loss(labels[:, k], scores[:, k]) for k in columns])
        else:
            expected["balanced_accuracy"] = metrics.balanced_accuracy_score(labels, codes)
            expected["kappa"] = metrics.cohen_kappa_score(labels, codes)
            errors = ((probabilities - truth) ** 2).sum(axis=1)
            expected["brier"] = metrics.brier_score_loss(labels, scores) if task == "binary" else errors.mean()
        got = found.model_dump()
        assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-6)
        if not several:
            assert np.array(found.confusion).tolist() == metrics.confusion_matrix(labels, codes).tolist()

    def test_the_short_evaluation_is_part_of_it(self, task: str) -> None:
        probabilities, labels = drawn(task)
        spec = spec_of(task, probabilities.shape[1])
        short, full = evaluate(spec, probabilities, labels), evaluate_fully(spec, probabilities, labels, resamples=0)
        for name in ("rows", "accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
            assert getattr(full, name) == pytest.approx(getattr(short, name), abs=1e-6), name

    def test_a_weight_is_so_many_copies_of_a_row(self, task: str) -> None:
        probabilities, labels = drawn(task, n=80)
        rng = np.random.default_rng(5)
        weights = rng.multinomial(80, np.full(80, 1 / 80), size=3).astype(float)
        codes = probabilities >= 0.5 if labels.ndim == 2 else probabilities.argmax(axis=1)
        weighted = figures(task, probabilities, codes, labels, weights)
        for line, counts in enumerate(weights.astype(int)):
            rows = np.repeat(np.arange(80), counts)
            plain = figures(task, probabilities[rows], codes[rows], labels[rows], np.ones((1, 80)))
            for name, values in weighted.items():
                assert values[line] == pytest.approx(plain[name][0], abs=1e-9, nan_ok=True), name

    def test_an_interval_holds_its_figure_and_narrows_with_rows(self, task: str) -> None:
        widths = []
        for n in (100, 1_600):
            probabilities, labels = drawn(task, n=n)
            found = evaluate_fully(spec_of(task, probabilities.shape[1]), probabilities, labels)
            low, high = found.intervals["accuracy"]
            assert low <= found.accuracy <= high
            widths.append(high - low)
        assert 2 < widths[0] / widths[1] < 8

    @pytest.mark.parametrize("n", [1, 2])
    def test_a_slice_of_a_row_or_two_has_what_it_has(self, task: str, n: int) -> None:
        probabilities, labels = drawn(task, n=n)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = evaluate_fully(spec_of(task, probabilities.shape[1]), probabilities, labels)
        assert 0 <= found.accuracy <= 1
        assert all(np.isfinite(list(pair)).all() for pair in found.intervals.values())


def test_areas_with_ties_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    scores, truth = rng.integers(0, 5, 200).astype(np.float32), rng.random(200) < 0.2
    roc, precision = areas(scores, truth, np.ones((1, 200)))
    assert roc[0] == pytest.approx(metrics.roc_auc_score(truth, scores))
    assert precision[0] == pytest.approx(metrics.average_precision_score(truth, scores))


def test_a_class_that_never_occurs_has_no_area() -> None:
    roc, precision = areas(np.arange(3, dtype=np.float32), np.zeros(3, bool), np.ones((2, 3)))
    assert np.isnan(roc).all() and np.isnan(precision).all()


class TestCalibrationError:
    def test_of_a_model_that_means_what_it_says_is_small_and_of_a_boaster_is_his_excess(self) -> None:
        rng = np.random.default_rng(1)
        sure = rng.uniform(0.5, 1, 20_000).astype(np.float32)
        labels = (rng.random(20_000) < sure).astype(np.int64)
        assert calibration_error(sure, labels == 1, np.ones((1, 20_000))) < 0.02
        boast = np.full(20_000, 0.99, np.float32)
        labels = (rng.random(20_000) < 0.6).astype(np.int64)
        assert calibration_error(boast, labels == 1, np.ones((1, 20_000))) == pytest.approx(0.39, abs=0.02)
