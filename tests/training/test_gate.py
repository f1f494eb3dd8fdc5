from driftline.registry.manifest import Evaluation
from driftline.spec.training import RolloutSpec
from training.gate import judge

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
