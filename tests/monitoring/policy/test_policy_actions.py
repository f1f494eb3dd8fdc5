"""What is done at which event, in which order, and what is asked for after a refusal."""

from typing import Any

import pytest

from driftline.records import DriftEvent, DriftKind, ModelEventKind
from driftline.spec import PolicySpec
from driftline.spec.policy import Action
from monitoring.policy.ask import Ask
from monitoring.policy.decision import RetrainingPolicy
from tests.monitoring.policy.test_policy import drift, due, verdict


def policy(version: int = 2, recall: bool = True, **changes: Any) -> RetrainingPolicy:
    """Watching a version that has others before it."""
    made = RetrainingPolicy(PolicySpec(**{"minimum_labels": 200, "minimum_labels_recall": 50, **changes}), recall)
    made.installed(version)
    return made


def concept(event_id: str = "e1", version: int = 2, **changes: Any) -> DriftEvent:
    event: DriftEvent = drift(event_id, version=version)
    return event.model_copy(update=changes)


def asked(watch: RetrainingPolicy, labelled: int, since: int = 1_000) -> Ask:
    ask = due(watch, labelled, since)
    assert ask is not None
    return ask


def wanted(spec: PolicySpec, event: DriftEvent) -> str:
    return spec.action_at(event.kind.value, event.severity)


class TestWhatTheSpecificationSays:
    @pytest.mark.parametrize(
        ("event", "action"),
        [
            (drift(), "retrain-onset"),
            (drift(severity="warning"), "notify"),
            (drift(kind=DriftKind.DATA), "notify"),
            (drift(kind=DriftKind.PREDICTION), "notify"),
            (drift(kind=DriftKind.PRIOR), "notify"),
        ],
    )
    def test_by_default(self, event: DriftEvent, action: Action) -> None:
        assert wanted(PolicySpec(), event) == action

    def test_actions_stand_above_retrain_on(self) -> None:
        spec = PolicySpec.model_validate(
            {
                "retrain_on": ["concept", "data"],
                "actions": {"concept": {"warning": "recall", "alarm": "continue"}, "prior": {"alarm": "nothing"}},
            }
        )
        assert wanted(spec, drift(severity="warning")) == "recall"
        assert wanted(spec, drift()) == "continue"
        assert wanted(spec, drift(kind=DriftKind.DATA)) == "retrain-onset"
        assert wanted(spec, drift(kind=DriftKind.PRIOR)) == "nothing"
        assert wanted(spec, drift(kind=DriftKind.PRIOR, severity="warning")) == "notify"

    def test_nothing_is_not_told_and_notify_asks_for_nothing(self) -> None:
        watch = policy(actions={"concept": {"alarm": "notify"}, "data": {"alarm": "nothing"}})
        silent = drift(kind=DriftKind.DATA, version=2)
        for event in (concept(), silent):
            watch.drifted(event)
        assert watch.tells(concept())
        assert not watch.tells(silent)
        assert due(watch, 5_000) is None


class TestTheArchiveIsAskedFirst:
    def test_with_fewer_labels_than_a_training_needs(self) -> None:
        watch = policy()
        watch.drifted(concept())
        assert due(watch, 1_000, since=49) is None
        assert asked(watch, 1_001, since=50).action == "recall"

    def test_then_the_training_without_a_pause(self) -> None:
        watch = policy()
        watch.drifted(concept())
        first = asked(watch, 1_001, since=50)
        watch.happened(verdict(ModelEventKind.REFUSED, first.job_id, version=None), 1_010)
        assert due(watch, 1_011, since=199) is None
        second = asked(watch, 1_012, since=200)
        assert (second.action, second.newest, second.attempt) == ("retrain-onset", None, 1)
        assert second.job_id != first.job_id
        assert (watch.jobs.asked, watch.jobs.unfit, watch.jobs.refused) == (2, 1, 0)

    def test_not_by_itself_where_a_training_on_the_same_rows_asks_it_too(self) -> None:
        watch = policy()
        watch.drifted(concept())
        assert asked(watch, 1_000, since=200).action == "retrain-onset"

    @pytest.mark.parametrize("action", ["retrain-window", "continue"])
    def test_but_before_a_training_that_reaches_back_before_the_onset(self, action: Action) -> None:
        watch = policy(actions={"concept": {"alarm": action}}, window=3_000)
        watch.drifted(concept())
        first = asked(watch, 9_000, since=500)
        assert (first.action, first.newest) == ("recall", None)
        watch.happened(verdict(ModelEventKind.REFUSED, first.job_id, version=None), 9_000)
        second = asked(watch, 9_000, since=500)
        assert (second.action, second.newest) == (action, 3_000)

    @pytest.mark.parametrize("changes", [{"version": 1}, {"recall": False}, {"minimum_labels_recall": 200}])
    def test_not_where_there_is_none_or_it_may_not_be_asked(self, changes: dict[str, Any]) -> None:
        watch = policy(**changes)
        watch.drifted(concept(version=changes.get("version", 2)))
        assert due(watch, 1_000, since=199) is None
        assert asked(watch, 1_000, since=200).action == "retrain-onset"

    def test_an_event_that_may_only_recall_never_trains_and_asks_again_later_and_later(self) -> None:
        watch = policy(actions={"concept": {"alarm": "recall"}}, cool_down_records=500)
        watch.drifted(concept())
        times, labelled = [], 1_000
        for _ in range(3):
            while (ask := due(watch, labelled)) is None:
                labelled += 100
            assert ask.action == "recall"
            times.append(labelled)
            watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id, version=None), labelled)
        assert times == [1_000, 1_500, 2_500]

    def test_a_sensor_at_fault_asks_nothing(self) -> None:
        watch = policy()
        watch.drifted(concept(cause="sensor"))
        assert due(watch, 5_000) is None


class TestAfterARefusal:
    def test_every_other_attempt_learns_from_the_newer_half(self) -> None:
        """A drift that stands is told once, whatever happens to the world meanwhile."""
        watch = policy(cool_down_records=100)
        watch.drifted(concept())
        newest = []
        for labelled in (1_000, 2_000, 3_000):
            ask = asked(watch, labelled, since=labelled)
            newest.append(ask.newest)
            watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id, version=None), labelled)
        assert newest == [None, 1_000, None]

    def test_the_pause_stops_growing_at_twice_the_cool_down(self) -> None:
        watch = policy(version=1, cool_down_records=500)
        watch.drifted(concept(version=1))
        times, labelled = [], 1_000
        for _ in range(5):
            while (ask := due(watch, labelled)) is None:
                labelled += 100
            times.append(labelled)
            watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id, version=None), labelled)
        assert times == [1_000, 1_500, 2_500, 3_500, 4_500]

    def test_of_few_records_the_next_one_waits_for_as_many_more_only(self) -> None:
        watch = policy(version=1, cool_down_records=500)
        watch.drifted(concept(version=1))
        ask = asked(watch, 1_000, since=200)
        watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id, version=None), 1_000)
        assert due(watch, 1_199, since=399) is None
        assert asked(watch, 1_200, since=400).newest == 200


class TestAVersionThatNeverWasGood:
    def test_is_made_anew_of_all_that_is_known_of_its_world(self) -> None:
        watch = policy(version=1, cool_down_records=50, refine=0, rollback_labels=0)
        watch.drifted(concept(version=1))
        first = asked(watch, 1_000, since=200)
        watch.happened(verdict(ModelEventKind.PROMOTED, first.job_id, sequence=2), 1_000)
        watch.installed(2)
        watch.drifted(concept("e2"))
        # 280 of the 300 labelled records since the first model of the new world was asked for
        second = asked(watch, 1_300, since=280)
        assert (second.action, second.newest) == ("retrain-onset", 500)

    def test_but_a_later_change_is_one_of_the_world(self) -> None:
        watch = policy(version=1, cool_down_records=50, refine=0, rollback_labels=0)
        watch.drifted(concept(version=1))
        first = asked(watch, 1_000, since=200)
        watch.happened(verdict(ModelEventKind.PROMOTED, first.job_id, sequence=2), 1_000)
        watch.installed(2)
        watch.drifted(concept("e2"))
        assert asked(watch, 3_000, since=280).newest is None
