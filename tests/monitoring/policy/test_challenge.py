"""A version below its target is challenged from time to time, though no drift is proven."""

from itertools import pairwise
from typing import Any

import pytest

from driftline.records import ModelEventKind
from monitoring.policy.ask import Ask
from monitoring.policy.decision import RetrainingPolicy
from monitoring.policy.training_budget import DAY_MS
from tests.monitoring.policy.test_policy import verdict
from tests.monitoring.policy.test_policy_actions import concept, policy


class Service:
    """A version that answers right at some accuracy, one labelled record after another."""

    def __init__(self, accuracy: float = 0.7, **spec: Any) -> None:
        self.policy = policy(1, **{"challenge_records": 1_000, "window": 3_000, "cool_down_records": 500, **spec})
        self.accuracy, self.labelled, self.own, self.right, self.now_ms = accuracy, 0, 0, 0.0, 0

    def until(self, labelled: int, step: int = 50) -> list[tuple[int, Ask]]:
        """Go on to `labelled` labelled records, each labelled at once; what was asked for, and when."""
        asked = []
        while self.labelled < labelled:
            self.labelled += step
            self.own += step
            self.right += step * self.accuracy
            ask = self.due()
            if ask is not None:
                asked.append((self.labelled, ask))
        return asked

    def due(self) -> Ask | None:
        return self.policy.due(
            self.labelled, lambda event: 10_000, self.now_ms, lambda version: (self.own, round(self.right))
        )

    def refuse(self, ask: Ask, *, trained: bool) -> None:
        event = verdict(ModelEventKind.REFUSED, ask.job_id, version=None)
        self.policy.happened(event.model_copy(update={"trained": trained}), self.labelled)


class TestWhenItIsAsked:
    def test_after_so_many_records_below_the_target(self) -> None:
        asked = Service(0.7).until(2_000)
        assert [(at, ask.action, ask.newest, ask.event) for at, ask in asked] == [(1_050, "challenge", 3_000, None)]
        assert "answered 0.700 of its newest 1000 labelled records rightly" in asked[0][1].reason

    def test_never_of_a_version_at_its_target(self) -> None:
        assert Service(0.95).until(20_000) == []

    def test_never_if_not_wanted(self) -> None:
        assert Service(0.5, challenge_records=0).until(20_000) == []

    def test_not_before_the_versions_own_records_are_as_many(self) -> None:
        """Labels lag behind: what came in meanwhile was answered by the version before."""
        service = Service(0.7)
        service.due()
        service.labelled = 5_000
        assert service.due() is None
        assert [at for at, _ in service.until(7_000)] == [6_000]

    def test_a_drift_goes_first(self) -> None:
        service = Service(0.7)
        service.until(1_000)
        service.policy.drifted(concept(version=1))
        (_, ask), *_ = service.until(1_500)
        assert ask.purpose == "drift"

    def test_not_while_a_sensor_is_at_fault(self) -> None:
        service = Service(0.7)
        service.policy.drifted(concept(version=1).model_copy(update={"cause": "sensor"}))
        copy = RetrainingPolicy(service.policy.spec)
        copy.restore(service.policy.snapshot())
        service.policy = copy
        assert service.until(5_000) == []
        copy.over(concept(version=1).event_id)
        assert [(at, ask.action) for at, ask in service.until(6_100)] == [(6_050, "challenge")]

    def test_it_is_a_training_of_the_days_budget(self) -> None:
        assert Service(0.7, maximum_trainings_per_day=0).until(5_000) == []


class TestWhatFollows:
    @pytest.mark.parametrize("trained", [False, True])
    def test_a_version_that_withstands_is_asked_again_later(self, trained: bool) -> None:
        service, at = Service(0.7), []
        for _ in range(4):
            (_, ask), *_ = service.until(service.labelled + 20_000, step=100) or [(0, None)]
            assert ask is not None
            at.append(ask.attempt)
            service.labelled = ask.attempt
            service.own, service.right = ask.attempt, ask.attempt * 0.7
            service.refuse(ask, trained=trained)
        assert [b - a for a, b in pairwise(at)] == [2_000, 4_000, 4_000]
        assert service.policy.jobs.refused == (4 if trained else 0)
        assert service.policy.jobs.unfit == (0 if trained else 4)

    def test_what_trained_nothing_costs_nothing_of_the_budget(self) -> None:
        service = Service(0.7, maximum_trainings_per_day=1)
        (_, first), *_ = service.until(1_100)
        service.refuse(first, trained=False)
        (_, second), *_ = service.until(4_000)
        service.refuse(second, trained=True)
        assert service.until(20_000) == []
        service.now_ms = DAY_MS
        assert service.due() is not None

    def test_no_two_have_the_same_id(self) -> None:
        service, ids = Service(0.7), set()
        for _ in range(3):
            (_, ask), *_ = service.until(service.labelled + 6_000)
            service.refuse(ask, trained=False)
            ids.add(ask.job_id)
        assert len(ids) == 3

    def test_the_version_it_brings_in_is_on_probation_and_challenged_in_its_turn(self) -> None:
        service = Service(0.7)
        (_, ask), *_ = service.until(1_100)
        figures = {"rows": 600.0, "accuracy": 0.8, "champion_accuracy": 0.7}
        event = verdict(ModelEventKind.PROMOTED, ask.job_id, 2, 2)
        service.policy.happened(event.model_copy(update={"metrics": figures, "previous_version": 1}), service.labelled)
        service.policy.installed(2)
        service.own = service.right = 0
        service.accuracy = 0.3
        (_, back), *_ = service.until(service.labelled + 400)
        assert (back.action, back.target, back.event_id) == ("rollback", 1, None)

    def test_a_restored_policy_asks_for_the_same(self) -> None:
        service, twin = Service(0.7), Service(0.7)
        service.until(700)
        copy = RetrainingPolicy(service.policy.spec)
        copy.restore(service.policy.snapshot())
        service.policy = copy
        ours, theirs = service.until(1_200), twin.until(1_200)
        assert [(at, ask.job_id, ask.reason) for at, ask in ours] == [
            (at, ask.job_id, ask.reason) for at, ask in theirs
        ]
        copy.restore(copy.snapshot())
        assert copy.open == ours[0][1]
