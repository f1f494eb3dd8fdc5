from pathlib import Path

import pytest

from driftline.errors import UsageError
from driftline.registry.manifest import Evaluation, Verdict
from driftline.spec.training import RolloutSpec
from training.gate import gate_of, judge

ROLLOUT = RolloutSpec()


def scored(accuracy: float) -> Evaluation:
    return Evaluation(rows=50, accuracy=accuracy)


class TestOnlyABetterModelIsPromoted:
    def test_better_and_sure(self) -> None:
        verdict = judge(ROLLOUT, scored(0.84), scored(0.22), 4e-9)
        assert verdict.promoted
        assert verdict.p_value == 4e-9
        assert "0.840" in verdict.reasons[0]
        assert "0.220" in verdict.reasons[0]

    def test_better_and_not_sure(self) -> None:
        verdict = judge(ROLLOUT, scored(0.84), scored(0.82), 0.4)
        assert not verdict.promoted
        assert any("0.4" in reason and "above rollout.significance" in reason for reason in verdict.reasons)

    def test_worse(self) -> None:
        verdict = judge(ROLLOUT, scored(0.7), scored(0.8), 0.99)
        assert not verdict.promoted
        assert any("minimum_gain" in reason for reason in verdict.reasons)

    def test_sure_and_too_little(self) -> None:
        verdict = judge(RolloutSpec(minimum_gain=0.05), scored(0.84), scored(0.82), 0.01)
        assert not verdict.promoted
        assert any("gain +0.020" in reason and "+0.050" in reason for reason in verdict.reasons)

    def test_without_a_test_nothing_is_sure(self) -> None:
        assert not judge(ROLLOUT, scored(0.9), scored(0.1), None).promoted


class TestTheFirstModel:
    def test_is_promoted(self) -> None:
        verdict = judge(ROLLOUT, scored(0.6), None, None, majority=0.4)
        assert verdict.promoted
        assert verdict.champion is None
        assert not any("warning" in reason for reason in verdict.reasons)

    def test_is_promoted_with_a_warning_if_the_most_frequent_answer_does_as_well(self) -> None:
        verdict = judge(ROLLOUT, scored(0.4), None, None, majority=0.4)
        assert verdict.promoted
        assert any("warning" in reason and "0.400" in reason for reason in verdict.reasons)


class TestFurtherConditions:
    def evaluation(self, accuracy: float, **more: object) -> Evaluation:
        return Evaluation.model_validate({"rows": 100, "accuracy": accuracy, **more})

    def test_the_gain_may_be_asked_of_another_metric(self) -> None:
        rollout = RolloutSpec(metric="macro_f1", minimum_gain=0.05)
        better = judge(rollout, self.evaluation(0.8, macro_f1=0.7), self.evaluation(0.8, macro_f1=0.6), 0.01)
        assert better.promoted
        not_there = judge(rollout, self.evaluation(0.9), self.evaluation(0.8, macro_f1=0.6), 0.01)
        assert not not_there.promoted and "no macro_f1" in " ".join(not_there.reasons)
        small = judge(rollout, self.evaluation(0.9, macro_f1=0.61), self.evaluation(0.8, macro_f1=0.6), 0.01)
        assert not small.promoted and "gain +0.010 in macro_f1" in " ".join(small.reasons)

    @pytest.mark.parametrize(("rows", "recall", "promoted"), [(20, 0.5, False), (19, 0.5, True), (20, 0.75, True)])
    def test_no_class_may_lose_too_much(self, rows: int, recall: float, promoted: bool) -> None:
        def classes(found: float) -> list[dict[str, object]]:
            return [{"name": "worn", "rows": rows, "precision": 1.0, "recall": found, "f1": 0.5}]

        rollout = RolloutSpec(maximum_class_loss=0.1)
        before, after = self.evaluation(0.7, classes=classes(0.8)), self.evaluation(0.9, classes=classes(recall))
        verdict = judge(rollout, after, before, 0.01)
        assert verdict.promoted == promoted
        assert promoted or "recall of class worn falls from 0.800 to 0.500" in " ".join(verdict.reasons)
        assert judge(RolloutSpec(), after, before, 0.01).promoted

    def test_a_boaster_is_refused(self) -> None:
        rollout = RolloutSpec(maximum_calibration_error=0.1)
        champion = self.evaluation(0.5)
        assert judge(rollout, self.evaluation(0.9, calibration_error=0.1), champion, 0.01).promoted
        refused = judge(rollout, self.evaluation(0.9, calibration_error=0.2), champion, 0.01)
        assert not refused.promoted and "calibration error 0.200" in refused.reasons[-1]


def never(*evidence: object, **more: object) -> Verdict:
    return Verdict(promoted=False, reasons=("never on a Friday",), candidate=evidence[1])  # type: ignore[arg-type]


def says_yes(*evidence: object, **more: object) -> bool:
    return True


class TestYourOwnGate:
    def test_is_asked_instead(self) -> None:
        gate = gate_of(RolloutSpec(gate=f"{__name__}:never"))
        evaluation = Evaluation(rows=10, accuracy=1.0)
        assert gate(RolloutSpec(), evaluation, None, None).reasons == ("never on a Friday",)

    @pytest.mark.parametrize(
        "name", ["nowhere.to.be.found:never", f"{__name__}:absent", f"{__name__}", f"{__name__}:__doc__"]
    )
    def test_that_is_none_is_named(self, name: str) -> None:
        with pytest.raises(UsageError, match=r"rollout\.gate: read .*allowed: MODULE:FUNCTION"):
            gate_of(RolloutSpec(gate=name))

    def test_a_module_that_does_not_even_load_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "half_a_gate.py").write_text("def judge(:\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(UsageError, match=r"rollout\.gate: read 'half_a_gate:judge': SyntaxError"):
            gate_of(RolloutSpec(gate="half_a_gate:judge"))

    def test_that_gives_no_verdict_is_named(self) -> None:
        gate = gate_of(RolloutSpec(gate=f"{__name__}:says_yes"))
        with pytest.raises(UsageError, match=r"returned bool; allowed: driftline\.registry\.manifest\.Verdict"):
            gate(RolloutSpec(), Evaluation(rows=1, accuracy=1.0), None, None)

    def test_none_is_the_one_of_the_house(self) -> None:
        assert gate_of(RolloutSpec()) is judge
