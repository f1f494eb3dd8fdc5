"""A gain in the figure that was asked for, and how sure it is."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from driftline.model.answers import Decision
from driftline.registry.manifest import Evaluation
from driftline.spec.stream import StreamSpec
from training.evaluate import correct, evaluate_fully, mcnemar
from training.gain import Answered, bootstrap, majority, paired_test
from training.gate import judge


def spec_of(task: str = "binary", **rollout: object) -> StreamSpec:
    classes = ["good", "bad"] if task == "binary" else ["a", "b", "c"]
    features = [{"name": "x", "type": "numeric"}]
    return StreamSpec.model_validate(
        {"stream": "s", "task": task, "classes": classes, "features": features, "rollout": rollout}
    )


def answered(spec: StreamSpec, positive: np.ndarray) -> Answered:
    p = np.asarray(positive, dtype=np.float32)
    return Decision(spec), np.stack([1 - p, p], axis=1)


def rare(n: int = 1_000) -> tuple[np.ndarray, np.ndarray]:
    """3 % positive; found, three in four of them, for as many false alarms as that gains."""
    labels = np.zeros(n, dtype=np.int64)
    labels[: n * 3 // 100] = 1
    finds = np.where(labels == 1, 0.9, 0.1)
    finds[:7] = 0.1
    finds[n // 2 : n // 2 + 20] = 0.9
    return labels, finds


class TestRareClasses:
    def test_what_accuracy_cannot_see_the_bootstrap_of_macro_f1_does(self) -> None:
        labels, finds = rare()
        spec = spec_of(metric="macro_f1", test="bootstrap")
        ours, theirs = answered(spec, finds), answered(spec, np.zeros(len(labels)))
        by_accuracy = paired_test(spec_of(metric="macro_f1"), labels, ours, theirs)
        by_metric = paired_test(spec, labels, ours, theirs)
        assert by_accuracy > 0.3 and by_metric < 0.01
        evaluations = [evaluate_fully(spec, p, labels, resamples=0) for _, p in (ours, theirs)]
        assert not judge(spec.rollout, *evaluations, by_accuracy, majority=majority(spec, labels)).promoted
        assert judge(spec.rollout, *evaluations, by_metric, majority=majority(spec, labels)).promoted

    def test_the_default_is_mcnemar_on_right_answers(self) -> None:
        labels, finds = rare()
        spec = spec_of()
        ours, theirs = answered(spec, finds), answered(spec, np.zeros(len(labels)))
        right = [correct(decision.codes(p), labels) for decision, p in (ours, theirs)]
        assert paired_test(spec, labels, ours, theirs) == mcnemar(right[0], right[1])


class TestBootstrap:
    def test_the_same_model_gains_nothing(self) -> None:
        labels, finds = rare()
        spec = spec_of(metric="macro_f1")
        assert bootstrap(spec, labels, answered(spec, finds), answered(spec, finds)) == 1.0

    def test_it_is_one_sided_and_repeatable(self) -> None:
        labels, finds = rare()
        spec = spec_of(metric="macro_f1")
        ours, theirs = answered(spec, finds), answered(spec, np.zeros(len(labels)))
        assert bootstrap(spec, labels, ours, theirs) == bootstrap(spec, labels, ours, theirs) < 0.01
        assert bootstrap(spec, labels, theirs, ours) > 0.99

    def test_between_equals_p_is_small_about_as_often_as_it_says(self) -> None:
        rng, spec = np.random.default_rng(0), spec_of(metric="macro_f1")
        found = []
        for seed in range(200):
            labels = rng.integers(0, 2, 150)
            both = [answered(spec, np.where(rng.random(150) < 0.8, labels, 1 - labels)) for _ in range(2)]
            found.append(bootstrap(spec, labels, both[0], both[1], seed=seed))
        # 0.1 plus or minus three standard errors of 200 draws.
        assert 0.035 < np.mean(np.array(found) <= 0.1) < 0.165

    def test_rows_without_the_figure_prove_nothing(self) -> None:
        spec = spec_of(metric="pr_auc")
        labels = np.zeros(30, dtype=np.int64)
        assert bootstrap(spec, labels, answered(spec, np.zeros(30)), answered(spec, np.ones(30))) == 1.0


class TestMajority:
    def test_in_the_metric_that_counts(self) -> None:
        labels = np.array([0] * 90 + [1] * 10)
        assert majority(spec_of(), labels) == 0.9
        assert majority(spec_of(metric="balanced_accuracy"), labels) == 0.5
        expected = f1_score(labels, np.zeros(100), average="macro", zero_division=0)
        assert majority(spec_of(metric="macro_f1"), labels) == pytest.approx(expected)
        assert majority(spec_of(metric="pr_auc"), labels) == pytest.approx(0.1)
        assert majority(spec_of(metric="pr_auc"), np.zeros(5, dtype=np.int64)) is None

    def test_of_a_multilabel_stream_it_is_a_whole_row(self) -> None:
        labels = np.array([[True, False, False]] * 3 + [[True, True, False]])
        assert majority(spec_of("multilabel"), labels) == 0.75
        assert majority(spec_of("multilabel", metric="macro_f1"), labels) == pytest.approx(1 / 3)

    def test_the_gate_compares_the_same_figure(self) -> None:
        rollout = spec_of(metric="macro_f1").rollout
        candidate = Evaluation(rows=100, accuracy=0.88, macro_f1=0.7)
        champion = Evaluation(rows=100, accuracy=0.9, macro_f1=0.47)
        assert judge(rollout, candidate, champion, 0.01, majority=0.47).promoted
        refused = judge(rollout, champion, Evaluation(rows=100, accuracy=0.5, macro_f1=0.4), 0.01, majority=0.47)
        assert not refused.promoted and "0.470 in macro_f1: it has learnt nothing yet" in refused.reasons[-1]
