from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.spec import ConceptDriftSpec
from monitoring.concept.detectors import TRIGGERS, make_trigger
from monitoring.concept.monitor import ConceptFinding, ConceptMonitor

# KSWIN costs half a millisecond an outcome; the others are tried on everything.
QUICK = sorted(set(TRIGGERS) - {"kswin"})


def monitor(error_rate: float = 0.1, held_out_rows: int = 200, cool_down: int = 500, **spec: Any) -> ConceptMonitor:
    return ConceptMonitor(ConceptDriftSpec(**spec), 20_000, cool_down, error_rate, held_out_rows)


def run(watch: ConceptMonitor, wrong: NDArray[np.bool_], start: int = 0) -> list[tuple[int, ConceptFinding]]:
    """Findings with the number of the outcome after which each came."""
    found = []
    for at in range(0, len(wrong), 20):
        part = wrong[at : at + 20]
        numbers = start + at + np.arange(len(part))
        found += [(start + at + len(part), finding) for finding in watch.update(part, numbers * 100, numbers)]
    return found


class TestARiseIsFound:
    @pytest.mark.parametrize("detector", QUICK)
    def test_by_every_detector(self, detector: str) -> None:
        rng = np.random.default_rng(1)
        wrong = np.concatenate([rng.random(1_000) < 0.1, rng.random(1_000) < 0.6])
        found = run(monitor(detector=detector), wrong)
        assert len(found) == 1
        at, finding = found[0]
        assert finding.severity == "alarm"
        # DDM is the slowest of them, because it averages over everything since its last restart.
        assert 1_000 < at <= (1_400 if detector == "ddm" else 1_150)
        assert abs(finding.onset.number - 1_000) <= 10
        assert finding.onset.event_time == finding.onset.number * 100
        assert finding.error_before == pytest.approx(0.1, abs=0.03)

    def test_by_kswin(self) -> None:
        rng = np.random.default_rng(1)
        found = run(monitor(detector="kswin"), np.concatenate([rng.random(300) < 0.05, rng.random(200) < 0.9]))
        assert [finding.severity for _, finding in found] == ["alarm"]

    @pytest.mark.parametrize(("after", "within"), [(0.75, 60), (0.3, 400)])
    def test_soon(self, after: float, within: int) -> None:
        rng = np.random.default_rng(2)
        delays = []
        for _ in range(20):
            found = run(monitor(), np.concatenate([rng.random(1_000) < 0.1, rng.random(1_000) < after]))
            delays.append(found[0][0] - 1_000)
        assert min(delays) > 0
        assert np.quantile(delays, 0.9) <= within

    def test_the_onset_is_looked_for_in_the_order_of_the_world(self) -> None:
        """Labels come up to 80 records late: by arrival the change is smeared, by event time it is sharp."""
        rng = np.random.default_rng(3)
        wrong = np.concatenate([rng.random(800) < 0.05, rng.random(400) < 0.95])
        order = np.argsort(np.arange(1_200) + rng.integers(0, 80, 1_200), kind="stable")
        watch = monitor(error_rate=0.05)
        found = [f for at in range(0, 1_200, 20) for f in _arrive(watch, wrong, order, at)]
        assert len(found) == 1
        assert abs(found[0].onset.event_time - 800) <= 3


def _arrive(watch: ConceptMonitor, wrong: NDArray[np.bool_], order: NDArray[np.intp], at: int) -> list[ConceptFinding]:
    rows = order[at : at + 20]
    return watch.update(wrong[rows], rows, at + np.arange(len(rows)))


class TestAQuietWorldIsQuiet:
    @pytest.mark.parametrize("rate", [0.05, 0.1, 0.3])
    def test_a_hundred_thousand_outcomes_by_default(self, rate: float) -> None:
        wrong = np.random.default_rng(5).random(100_000) < rate
        numbers = np.arange(100_000)
        assert monitor(error_rate=rate).update(wrong, numbers, numbers) == []

    @pytest.mark.parametrize("detector", QUICK)
    def test_whichever_detector_rings(self, detector: str) -> None:
        wrong = np.random.default_rng(6).random(20_000) < 0.1
        numbers = np.arange(20_000)
        assert monitor(detector=detector).update(wrong, numbers, numbers) == []

    @pytest.mark.parametrize("held_out", [0, 30, 120, 1_000])
    def test_just_after_a_start(self, held_out: int) -> None:
        rng = np.random.default_rng(7)
        for _ in range(50):
            measured = float((rng.random(held_out) < 0.1).mean()) if held_out else 0.0
            wrong, numbers = rng.random(600) < 0.1, np.arange(600)
            assert monitor(error_rate=measured, held_out_rows=held_out).update(wrong, numbers, numbers) == []

    def test_a_model_that_gets_better_is_no_drift(self) -> None:
        rng = np.random.default_rng(8)
        assert run(monitor(error_rate=0.4), np.concatenate([rng.random(1_000) < 0.4, rng.random(2_000) < 0.05])) == []

    def test_and_its_next_rise_is_found_from_the_better_level(self) -> None:
        rng = np.random.default_rng(8)
        rates = np.repeat([0.4, 0.05, 0.3], [1_000, 2_000, 600])
        found = run(monitor(error_rate=0.4), rng.random(3_600) < rates)
        assert len(found) == 1
        assert abs(found[0][1].onset.number - 3_000) <= 30
        assert found[0][1].error_before == pytest.approx(0.05, abs=0.03)


class TestTheEvidenceIsAnEValue:
    def test_of_at_least_one_over_the_rate(self) -> None:
        rng = np.random.default_rng(15)
        wrong = np.concatenate([rng.random(1_000) < 0.1, rng.random(200) < 0.6])
        ((_, finding),) = run(monitor(), wrong)
        assert finding.e_value is not None
        assert finding.e_value >= 1 / (0.8 * 5e-7)

    def test_which_rivers_detectors_do_not_have(self) -> None:
        rng = np.random.default_rng(15)
        wrong = np.concatenate([rng.random(1_000) < 0.1, rng.random(200) < 0.6])
        ((_, finding),) = run(monitor(detector="adwin"), wrong)
        assert finding.e_value is None


class TestTheEvaluationIsPriorKnowledge:
    def test_a_model_bad_from_its_first_answer_is_noticed(self) -> None:
        rng = np.random.default_rng(9)
        found = run(monitor(error_rate=0.1, held_out_rows=120), rng.random(600) < 0.5)
        assert found[0][0] <= 100
        assert found[0][1].whole_life
        assert found[0][1].onset.number == 0

    @pytest.mark.parametrize("step", [1, 3, 6, 12, 100])
    @pytest.mark.parametrize("held_out", [20, 50, 400])
    def test_the_worse_it_is_the_sooner(self, step: int, held_out: int) -> None:
        watch = monitor(error_rate=0.05, held_out_rows=held_out)
        wrong = np.ones(100, dtype=bool)
        found = [f for at in range(0, 100, step) for _, f in run(watch, wrong[at : at + step], at)]
        assert [(f.severity, f.onset.number, f.whole_life) for f in found] == [("alarm", 0, True)]

    def test_a_small_excess_over_it_is_not(self) -> None:
        rng = np.random.default_rng(10)
        assert run(monitor(error_rate=0.10, held_out_rows=5_000), rng.random(5_000) < 0.15) == []

    def test_a_change_in_the_first_records_is_found_with_its_help(self) -> None:
        rng = np.random.default_rng(11)
        wrong = np.concatenate([rng.random(30) < 0.05, rng.random(300) < 0.8])
        found = run(monitor(error_rate=0.05, held_out_rows=200), wrong)
        assert found[0][0] <= 90
        assert abs(found[0][1].onset.number - 30) <= 5


class TestErrorsThatHangTogether:
    """As where labels come in runs: a version is wrong for a while, then right for a while."""

    @staticmethod
    def outcomes(seed: int, n: int) -> NDArray[np.bool_]:
        rng = np.random.default_rng(seed)
        lengths = rng.geometric(1 / 25, size=n)
        return np.repeat(rng.random(n) < 0.25, lengths)[:n]

    def rings(self, *, inherit: bool) -> int:
        """Of twenty versions, each as good as the one before, how many are said to have turned bad?"""
        former, rung = monitor(error_rate=0.25, held_out_rows=400), 0
        run(former, self.outcomes(0, 20_000))
        for seed in range(1, 21):
            watch = monitor(error_rate=0.25, held_out_rows=400)
            if inherit:
                watch.inherit(former)
            rung += bool(run(watch, self.outcomes(seed, 1_000)))
        return rung

    def test_a_new_version_knows_that_they_do(self) -> None:
        assert self.rings(inherit=True) <= 1
        assert self.rings(inherit=False) >= 5

    def test_and_a_version_of_which_nothing_is_right_is_found_still(self) -> None:
        former, watch = (monitor(error_rate=0.25, held_out_rows=400) for _ in range(2))
        run(former, self.outcomes(0, 20_000))
        watch.inherit(former)
        ((at, found),) = run(watch, np.ones(600, dtype=bool))
        assert (found.severity, found.whole_life) == ("alarm", True)
        assert at <= 500


class TestOneEventAChange:
    def test_silence_while_it_stands(self) -> None:
        rng = np.random.default_rng(12)
        watch = monitor()
        assert len(run(watch, rng.random(6_000) < np.repeat([0.1, 0.5, 0.8], 2_000))) == 1
        assert watch.standing is not None

    def test_a_recovery_ends_it_and_the_next_change_is_another(self) -> None:
        rng = np.random.default_rng(13)
        watch = monitor()
        found = run(watch, rng.random(6_000) < np.repeat([0.1, 0.6, 0.1, 0.6], 1_500))
        assert [round(finding.onset.number, -2) for _, finding in found] == [1_500, 4_500]

    def test_a_small_rise_is_a_warning_that_may_grow_into_an_alarm(self) -> None:
        rng = np.random.default_rng(14)
        watch = monitor(error_rate=0.02, held_out_rows=1_000)
        found = run(watch, rng.random(14_000) < np.repeat([0.02, 0.07, 0.4], [6_000, 6_000, 2_000]))
        assert [(finding.severity, finding.escalated) for _, finding in found] == [
            ("warning", False),
            ("alarm", True),
        ]


class TestDetectorsByName:
    def test_an_unknown_one_is_refused(self) -> None:
        spec = ConceptDriftSpec.model_construct(detector="oracle", confidence=1e-4, minimum_effect=0.08)
        with pytest.raises(UsageError, match=r"monitoring\.concept\.detector: read 'oracle'; allowed: adwin"):
            make_trigger(spec)

    @pytest.mark.parametrize("detector", sorted(TRIGGERS))
    @pytest.mark.parametrize("confidence", [1e-12, 1e-4, 0.4])
    def test_every_one_takes_every_confidence(self, detector: str, confidence: float) -> None:
        trigger = make_trigger(ConceptDriftSpec(detector=detector, confidence=confidence))  # type: ignore[arg-type]
        trigger.update(np.zeros(150, dtype=bool))
        assert trigger.name == detector
