from typing import Any

import pytest

from driftline.records import DriftEvent, DriftKind, ModelEvent, ModelEventKind, Position
from driftline.spec import PolicySpec
from monitoring.policy.decision import Ask, RetrainingPolicy


def drift(event_id: str = "e1", kind: DriftKind = DriftKind.CONCEPT, severity: Any = "alarm", version: int = 1) -> Any:
    return DriftEvent(
        event_id=event_id,
        stream="tests",
        kind=kind,
        severity=severity,
        detector="adwin",
        model_version=version,
        detected_at=0,
        detected=Position(),
        onset=Position(),
        summary="",
    )


def verdict(kind: ModelEventKind, job_id: str | None, sequence: int = 0, version: int | None = 2) -> ModelEvent:
    return ModelEvent(event_id="v", stream="tests", kind=kind, version=version, sequence=sequence, job_id=job_id, at=0)


def policy(**changes: Any) -> RetrainingPolicy:
    made = RetrainingPolicy(PolicySpec(**{"minimum_labels": 200, "cool_down_records": 500, "refine": 0, **changes}))
    made.installed(1)
    return made


def due(watch: RetrainingPolicy, labelled: int, since: int = 1_000) -> Ask | None:
    return watch.due(labelled, lambda event: since)


class TestWhatAsksForARetraining:
    def test_an_alarm_of_the_right_kind(self) -> None:
        watch = policy()
        watch.drifted(drift())
        ask = due(watch, 1_000)
        assert ask is not None
        assert ask.event.event_id == "e1"

    @pytest.mark.parametrize(
        "event", [drift(severity="warning"), drift(kind=DriftKind.DATA), drift(kind=DriftKind.PREDICTION)]
    )
    def test_nothing_less_by_default(self, event: DriftEvent) -> None:
        watch = policy()
        watch.drifted(event)
        assert due(watch, 1_000) is None

    def test_what_the_specification_adds(self) -> None:
        watch = policy(retrain_on=("data",), minimum_severity="warning")
        watch.drifted(drift(kind=DriftKind.DATA, severity="warning"))
        assert due(watch, 1_000) is not None

    def test_a_warning_that_became_an_alarm(self) -> None:
        watch = policy()
        watch.drifted(drift(severity="warning"))
        assert due(watch, 1_000) is None
        watch.drifted(drift(severity="alarm"))
        assert due(watch, 1_000) is not None


def after(kind: ModelEventKind, labelled: int) -> RetrainingPolicy:
    """A policy whose first job has put version 2 into service."""
    watch = policy()
    watch.drifted(drift("e1"))
    ask = due(watch, 1_000)
    assert ask is not None
    watch.happened(verdict(kind, ask.job_id, sequence=2), labelled)
    watch.installed(2)
    return watch


class TestItWaits:
    def test_for_enough_labels_since_the_onset(self) -> None:
        watch = policy()
        watch.drifted(drift())
        assert due(watch, 1_000, since=199) is None
        assert due(watch, 1_001, since=200) is not None

    def test_but_not_for_more_than_a_window_can_hold(self) -> None:
        watch = policy(minimum_labels=5_000, maximum_window=300)
        watch.drifted(drift())
        assert due(watch, 9_000, since=300) is not None

    def test_for_the_open_jobs_verdict(self) -> None:
        watch = policy(cool_down_records=0)
        watch.drifted(drift("e1"))
        first = due(watch, 1_000)
        watch.drifted(drift("e2"))
        assert first is not None
        assert due(watch, 2_000) is None
        watch.happened(verdict(ModelEventKind.REFUSED, "somebody else's"), 2_000)
        assert due(watch, 2_000) is None
        watch.happened(verdict(ModelEventKind.REFUSED, first.job_id), 2_000)
        second = due(watch, 2_001)
        assert second is not None
        assert second.event.event_id == "e2"

    def test_for_the_cool_down_after_a_promotion(self) -> None:
        watch = after(ModelEventKind.PROMOTED, 1_100)
        watch.drifted(drift("e2", version=2))
        assert due(watch, 1_599) is None
        assert due(watch, 1_600) is not None

    def test_for_nothing_after_a_recall_which_cost_nothing(self) -> None:
        watch = after(ModelEventKind.RECALLED, 1_100)
        watch.drifted(drift("e2", version=2))
        assert due(watch, 1_101) is not None

    def test_for_the_cool_down_after_somebody_elses_change_once(self) -> None:
        watch = policy()
        watch.happened(verdict(ModelEventKind.ROLLED_BACK, None, sequence=5), 1_000)
        watch.happened(verdict(ModelEventKind.ROLLED_BACK, None, sequence=5), 1_400)
        watch.drifted(drift())
        assert due(watch, 1_499) is None
        assert due(watch, 1_500) is not None


class TestOneJobADrift:
    def test_the_event_told_again_asks_no_second_time(self) -> None:
        watch = policy()
        watch.drifted(drift())
        assert due(watch, 1_000) is not None
        watch.drifted(drift())
        assert due(watch, 5_000) is None

    def test_unless_the_first_came_to_nothing_and_then_later_and_later(self) -> None:
        watch = policy()
        watch.drifted(drift())
        asked, labelled = [], 1_000
        for kind in (ModelEventKind.REFUSED, ModelEventKind.FAILED, ModelEventKind.REFUSED):
            while (ask := due(watch, labelled)) is None:
                labelled += 100
            asked.append((labelled, ask.attempt, ask.job_id))
            watch.happened(verdict(kind, ask.job_id, version=None), labelled)
        assert [(at, attempt) for at, attempt, _ in asked] == [(1_000, 1), (1_500, 2), (2_500, 3)]
        assert len({job_id for _, _, job_id in asked}) == 3
        assert (watch.jobs.asked, watch.jobs.refused, watch.jobs.failed) == (3, 2, 1)

    def test_a_drift_that_is_over_asks_no_more(self) -> None:
        waiting, asked = policy(), policy(cool_down_records=0)
        waiting.drifted(drift())
        waiting.over("e1")
        assert due(waiting, 1_000) is None
        asked.drifted(drift())
        ask = due(asked, 1_000)
        assert ask is not None
        asked.over("e1")
        asked.happened(verdict(ModelEventKind.FAILED, ask.job_id), 1_000)
        assert due(asked, 9_000) is None

    def test_a_drift_of_a_replaced_version_asks_no_more(self) -> None:
        watch = policy()
        watch.drifted(drift(version=1))
        watch.installed(2)
        assert due(watch, 1_000) is None

    def test_an_escalation_after_the_verdict_asks_under_another_id(self) -> None:
        watch = policy(cool_down_records=0, minimum_severity="warning")
        watch.drifted(drift(severity="warning"))
        first = due(watch, 1_000)
        assert first is not None
        watch.happened(verdict(ModelEventKind.PROMOTED, first.job_id, sequence=2), 1_000)
        watch.drifted(drift(severity="alarm"))
        second = due(watch, 1_000)
        assert second is not None
        assert second.job_id != first.job_id

    def test_the_job_of_an_event_has_the_same_id_on_every_machine(self) -> None:
        assert Ask(drift("e1"), 1).job_id == "job-5b551a1735a983f7"


class TestNewsToldAgainChangesNothing:
    """After a restore everything the follower has said is said again."""

    def test_a_verdict_that_closed_its_job(self) -> None:
        watch = policy(cool_down_records=100)
        watch.drifted(drift())
        ask = due(watch, 1_000)
        assert ask is not None
        news = [
            verdict(ModelEventKind.ROLLED_BACK, None, sequence=3),
            verdict(ModelEventKind.REFUSED, ask.job_id),
            verdict(ModelEventKind.PROMOTED, "another", sequence=2),
        ]
        for event in news:
            watch.happened(event, 1_010)
        before = watch.snapshot()
        for event in [*news, *news[::-1]]:
            watch.happened(event, 5_000)
        assert watch.snapshot() == before
        assert watch.jobs.refused == 1


class TestTheLifeOfAnEvent:
    def later(self, **changes: Any) -> DriftEvent:
        return drift().model_copy(update={"state": "updated", "revision": 1, **changes})

    def test_an_update_asks_for_nothing_that_was_asked_for(self) -> None:
        watch = policy()
        watch.drifted(drift())
        ask = due(watch, 1_000)
        assert ask is not None
        watch.drifted(self.later())
        assert due(watch, 2_000) is None
        watch.happened(verdict(ModelEventKind.PROMOTED, ask.job_id, sequence=1), 2_000)
        watch.drifted(self.later(revision=2))
        assert due(watch, 10_000) is None

    def test_after_a_refusal_the_newest_record_asks_under_the_next_attempt(self) -> None:
        watch = policy()
        watch.drifted(drift())
        ask = due(watch, 1_000)
        assert ask is not None
        watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id), 1_100)
        watch.drifted(self.later(summary="worse still"))
        again = due(watch, 5_000)
        assert again is not None
        assert (again.attempt, again.event.summary) == (2, "worse still")

    def test_a_sensor_at_fault_never_asks(self) -> None:
        watch = policy()
        watch.drifted(drift().model_copy(update={"cause": "sensor"}))
        assert due(watch, 10_000) is None

    def test_nor_one_that_turns_out_to_be_a_sensors(self) -> None:
        watch = policy()
        watch.drifted(drift())
        watch.drifted(self.later(cause="sensor"))
        assert due(watch, 10_000) is None

    def test_but_a_fault_that_became_the_world_does(self) -> None:
        watch = policy()
        watch.drifted(drift().model_copy(update={"cause": "sensor"}))
        watch.drifted(self.later(cause="world"))
        assert due(watch, 10_000) is not None


class TestItSurvives:
    def test_with_everything_it_has_in_mind(self) -> None:
        watch, other = policy(retrain_on=("concept", "data")), policy(retrain_on=("concept", "data"))
        for name in ("e1", "e2", "e3"):
            watch.drifted(drift(name))
        ask = due(watch, 1_000)
        assert ask is not None
        watch.over("e2")
        other.restore(watch.snapshot())
        assert other == watch
        for each in (watch, other):
            each.happened(verdict(ModelEventKind.FAILED, ask.job_id), 1_100)
        assert due(watch, 1_599) is due(other, 1_599) is None
        assert due(watch, 1_600) == due(other, 1_600) is not None
        assert other == watch

    def test_with_figures_that_json_has_no_word_for(self) -> None:
        watch, other = policy(), policy()
        event = drift()
        event.evidence.update(ratio=float("inf"), rate=0.1 + 0.2)
        watch.drifted(event)
        other.restore(watch.snapshot())
        ask = due(other, 1_000)
        assert ask is not None
        assert ask.event == event
