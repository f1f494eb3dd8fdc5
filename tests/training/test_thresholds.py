from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import f1_score, precision_score, recall_score

from driftline.model.answers import Decision
from driftline.registry.manifest import Manifest
from driftline.registry.reference import Reference
from driftline.registry.registry import Registry
from driftline.spec.stream import StreamSpec
from tests.training.conftest import numeric_frame, numeric_spec
from training.archive import load_archived, load_version
from training.data import Dataset, from_frame
from training.export import compare
from training.fit import VALIDATION, fit
from training.initial import train_initial
from training.origin import Origin
from training.recall import Archived, best_archived
from training.thresholds import best_threshold, learn_thresholds
from training.train import Trained, train

COST = [[0, 1], [5, 0]]


def spec_of(task: str = "binary", classes: str = "ab", **decision: Any) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "stream": "few",
            "task": task,
            "classes": list(classes),
            "features": [{"name": "x", "type": "numeric"}],
            "training": {"epochs": 5, "network": {"hidden": [8]}, "decision": decision},
        }
    )


def rows(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are too low for a rare class: 0.5 is no good threshold."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.2
    return np.clip(rng.normal(0.25 + 0.2 * truth, 0.12), 0, 1).round(2).astype(np.float32), truth


def all_cuts(scores: np.ndarray) -> list[float]:
    return [*np.unique(scores).tolist(), 2.0]


class TestTheBestThreshold:
    @pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
    def test_f_beta_is_that_of_no_other_threshold_exceeded(self, beta: float) -> None:
        from sklearn.metrics import fbeta_score

        scores, truth = rows()
        cut = best_threshold(spec_of(thresholds="f-beta", beta=beta).training.decision, scores, truth)
        reached = fbeta_score(truth, scores >= np.float32(cut), beta=beta)
        best = max(fbeta_score(truth, scores >= np.float32(t), beta=beta) for t in all_cuts(scores)[:-1])
        assert reached == pytest.approx(best)
        assert reached > fbeta_score(truth, scores >= 0.5, beta=beta)

    @pytest.mark.parametrize("cost", [COST, [[0, 50], [1, 0]], [[0, 0.001], [1, 0]]])
    def test_cost_is_least_nobody_and_everybody_included(self, cost: list[list[float]]) -> None:
        scores, truth = rows()
        paid = np.array(cost)

        def spent(t: float) -> float:
            return float(paid[truth.astype(int), (scores >= np.float32(t)).astype(int)].sum())

        cut = best_threshold(spec_of(thresholds="cost", cost=cost).training.decision, scores, truth)
        assert spent(cut) == pytest.approx(min(map(spent, all_cuts(scores))))

    @pytest.mark.parametrize("least", [0.3, 0.8, 1.0])
    def test_recall_is_kept_at_the_greatest_precision(self, least: float) -> None:
        scores, truth = rows()
        cut = best_threshold(spec_of(thresholds="recall", minimum_recall=least).training.decision, scores, truth)
        answers = scores >= np.float32(cut)
        assert recall_score(truth, answers) >= least
        others = [scores >= np.float32(t) for t in all_cuts(scores)[:-1]]
        assert precision_score(truth, answers) == pytest.approx(
            max(precision_score(truth, o) for o in others if recall_score(truth, o) >= least)
        )

    def test_lies_half_way_between_two_scores(self) -> None:
        scores = np.array([0.2, 0.4, 0.8, 0.9], dtype=np.float32)
        decision = spec_of(thresholds="f-beta").training.decision
        assert best_threshold(decision, scores, scores > 0.5) == pytest.approx(0.6)

    def test_neighbouring_floats_are_still_told_apart(self) -> None:
        low = np.float32(0.3)
        scores = np.array([low, np.nextafter(low, np.float32(1))], dtype=np.float32)
        cut = best_threshold(spec_of(thresholds="f-beta").training.decision, scores, np.array([False, True]))
        assert (scores >= np.float32(cut)).tolist() == [False, True]


class TestThresholdsOfAStream:
    def test_one_for_binary_one_a_class_for_multilabel(self) -> None:
        scores, truth = rows()
        binary = spec_of(thresholds="f-beta")
        (one,), notes = learn_thresholds(binary, np.stack([1 - scores, scores], axis=1), truth.astype(np.int64))
        assert notes == ()
        several, _ = learn_thresholds(
            spec_of("multilabel", thresholds="f-beta"),
            np.stack([scores, scores + 0.1], axis=1),
            np.stack([truth, truth], axis=1),
        )
        assert several[0] == one
        assert several[1] == pytest.approx(one + 0.1)

    def test_a_class_that_hardly_occurs_keeps_half_and_that_is_said(self) -> None:
        scores, truth = rows()
        rare = np.zeros_like(truth)
        rare[:2] = True
        learnt, notes = learn_thresholds(
            spec_of("multilabel", thresholds="f-beta"),
            np.stack([scores, scores], axis=1),
            np.stack([truth, rare], axis=1),
        )
        assert learnt[1] == 0.5 != learnt[0]
        assert len(notes) == 1 and "'b' left at 0.5: 2 of 400" in notes[0]


class TestTheLeastExpectedCost:
    def test_is_answered_with_the_probability_of_what_is_answered(self) -> None:
        cost = [[0, 1, 1], [1, 0, 1], [20, 20, 0]]
        spec = spec_of("multiclass", "abc", thresholds="cost", cost=cost)
        p = np.array([[0.8, 0.1, 0.1], [0.97, 0.02, 0.01]], dtype=np.float32)
        answers, confidence = Decision(spec, cost=cost).answers(p)
        assert answers == ["c", "a"]
        np.testing.assert_allclose(confidence, [0.1, 0.97])
        assert Decision(spec).answers(p)[0] == ["a", "a"]


class TestATraining:
    @pytest.fixture(scope="class")
    def data(self) -> Dataset:
        rng = np.random.default_rng(5)
        truth = rng.random(600) < 0.15
        frame = pd.DataFrame({"x": rng.normal(1.2 * truth), "label": np.where(truth, "b", "a")})
        return from_frame(spec_of(), frame)

    def test_decides_by_thresholds_everywhere(self, data: Dataset, tmp_path: Path) -> None:
        spec = spec_of(thresholds="f-beta")
        outcome = train(spec, data, Origin(source="t", created_at=1), tmp_path / "m")
        assert isinstance(outcome, Trained) and outcome.manifest is not None
        manifest = Manifest.model_validate_json(outcome.manifest.model_dump_json())
        older, held_out = data.split_newest(spec.training.holdout)
        fitted = fit(spec, older)
        assert manifest.thresholds == fitted.thresholds  # kept by the refit
        assert manifest.thresholds is not None and manifest.thresholds[0] < 0.4
        p = fitted.score(held_out.columns)
        codes = Decision.of(spec, manifest).codes(p)
        assert 0 < codes.sum() != Decision(spec).codes(p).sum()
        assert manifest.verdict.candidate.accuracy == (codes == held_out.labels).mean()
        assert manifest.verdict.candidate.macro_f1 == pytest.approx(f1_score(held_out.labels, codes, average="macro"))
        reference = Reference.model_validate_json((tmp_path / "m" / "reference.json").read_text())
        assert reference.prediction_counts == tuple(np.bincount(codes, minlength=2))
        assert reference.error_rate == pytest.approx((codes != held_out.labels).mean())

    def test_is_learnt_on_the_rows_of_early_stopping(self, data: Dataset) -> None:
        spec = spec_of(thresholds="f-beta")
        fitted = fit(spec, data)
        _, newest = data.split_newest(VALIDATION)
        assert fitted.thresholds == learn_thresholds(spec, fitted.score(newest.columns), newest.labels)[0]

    def test_a_cost_matrix_goes_into_the_manifest(self, tmp_path: Path) -> None:
        cost = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (9.0, 9.0, 0.0))
        spec = numeric_spec(epochs=2, decision={"thresholds": "cost", "cost": cost})
        outcome = train(spec, from_frame(spec, numeric_frame(120)), Origin(source="t", created_at=1), tmp_path / "m")
        assert isinstance(outcome, Trained) and outcome.manifest is not None
        assert outcome.manifest.cost == cost and outcome.manifest.thresholds is None

    def test_champion_is_judged_by_its_own(self, data: Dataset, tmp_path: Path) -> None:
        spec = spec_of()

        class Low:
            """Right if asked at 0.1, never right about b at 0.5."""

            def score(self, columns: Any) -> np.ndarray:
                b = np.where(np.isin(columns.numeric[:, 0], positive), 0.2, 0.05).astype(np.float32)
                return np.stack([1 - b, b], axis=1)

        positive = data.columns.numeric[data.labels == 1, 0]
        for decision, accuracy in ((Decision(spec, [0.1]), 1.0), (None, None)):
            outcome = train(
                spec,
                data,
                Origin(source="t", created_at=1),
                tmp_path / "m",
                champion=Low(),
                champion_decision=decision,
            )
            assert isinstance(outcome, Trained) and outcome.verdict.champion is not None
            held_out = data.split_newest(spec.training.holdout)[1]
            expected = accuracy or float((held_out.labels == 0).mean())
            assert outcome.verdict.champion.accuracy == pytest.approx(expected)

    def test_archived_versions_decide_by_their_own(self, data: Dataset) -> None:
        spec = spec_of()

        class Scores:
            def score(self, columns: Any) -> np.ndarray:
                b = np.where(data.labels == 1, 0.2, 0.05).astype(np.float32)
                return np.stack([1 - b, b], axis=1)

        archive = [Archived(1, Scores(), 1.0), Archived(2, Scores(), 1.0, Decision(spec, [0.1]))]
        found = best_archived(spec, data, Scores(), archive)
        assert found is not None and found.version == 2 and found.evaluation.accuracy == 1.0
        assert best_archived(spec, data, Scores(), archive, Decision(spec, [0.1])) is None

    def test_the_registry_gives_champion_and_archive_their_own(self, data: Dataset, tmp_path: Path) -> None:
        learnt = spec_of(thresholds="recall", minimum_recall=1.0)
        frame = pd.DataFrame({"x": data.columns.numeric[:, 0], "label": np.where(data.labels == 1, "b", "a")})
        registry = Registry(str(tmp_path / "models"), "few")
        first = train_initial(learnt, frame, registry, now_ms=1).manifest
        assert first is not None and first.thresholds is not None and first.thresholds[0] < 0.4
        again = train_initial(spec_of(), frame, registry, now_ms=2)  # the specification has gone back to 0.5
        held_out = data.split_newest(0.2)[1]
        p = load_version(registry, 1).score(held_out.columns)
        own, half = ((Decision(learnt, t).codes(p) == held_out.labels).mean() for t in (first.thresholds, None))
        assert again.verdict.champion is not None
        assert again.verdict.champion.accuracy == pytest.approx(own) != half
        (archived,) = load_archived(learnt, registry, [1])
        assert archived.decision is not None
        np.testing.assert_array_equal(archived.decision.codes(p), Decision(learnt, first.thresholds).codes(p))

    def test_forms_are_compared_at_the_thresholds(self, data: Dataset) -> None:
        class Fixed:
            def __init__(self, b: float) -> None:
                self.b = b

            def score(self, columns: Any) -> np.ndarray:
                return np.tile(np.array([[1 - self.b, self.b]], np.float32), (len(columns), 1))

        spec = spec_of()
        one, other = Fixed(0.19999), Fixed(0.20001)
        assert compare(spec, one, other, data.columns).decisions_changed == 0  # type: ignore[arg-type]
        parity = compare(spec, one, other, data.columns, Decision(spec, [0.2]))  # type: ignore[arg-type]
        assert parity.decisions_changed == parity.rows


class TestASpecificationThatContradictsItself:
    @pytest.mark.parametrize(
        ("task", "classes", "decision", "said"),
        [
            ("binary", "ab", {"thresholds": "cost"}, r"cost: required with"),
            ("binary", "ab", {"thresholds": "cost", "cost": [[0, 1, 2], [1, 0, 1]]}, r"cost: read 2 lines of 3, 3"),
            ("multiclass", "abc", {"thresholds": "cost", "cost": COST}, r"cost: read 2 .*allowed: 3 lines of 3"),
            (
                "multilabel",
                "abc",
                {"thresholds": "cost", "cost": np.eye(3).tolist()},
                r"cost: read 3 .*allowed: 2 lines of 2.*any",
            ),
            ("binary", "ab", {"thresholds": "cost", "cost": [[0, float("nan")], [1, 0]]}, r"cost: read a number"),
            ("binary", "ab", {"cost": COST}, r"cost: set, but training\.decision\.thresholds is 'half'"),
            ("multiclass", "abc", {"thresholds": "f-beta"}, r"thresholds: read f-beta.*multiclass: half, cost"),
            ("multiclass", "abc", {"thresholds": "recall"}, r"thresholds: read recall.*multiclass: half, cost"),
        ],
    )
    def test_is_refused_by_the_field(self, task: str, classes: str, decision: dict[str, Any], said: str) -> None:
        with pytest.raises(ValidationError, match=r"training\.decision\." + said):
            spec_of(task, classes, **decision)
