"""What the policy holds to, whatever happens: budget, one open job, refinement, rollback, and its memory."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.records import ModelEvent, ModelEventKind
from driftline.spec import PolicySpec
from monitoring.policy.ask import Ask
from monitoring.policy.decision import Jobs, RetrainingPolicy
from monitoring.policy.training_budget import DAY_MS, TrainingBudget
from monitoring.store.encoding import pack
from tests.monitoring.policy.test_policy import due, verdict
from tests.monitoring.policy.test_policy_actions import asked, concept, policy

HOUR_MS = 3_600_000


def promoted(job_id: str, version: int = 2, sequence: int = 2, **metrics: float) -> ModelEvent:
    figures = {"rows": 200.0, "accuracy": 0.8, "champion_accuracy": 0.5, **metrics}
    event = verdict(ModelEventKind.PROMOTED, job_id, sequence, version)
    return event.model_copy(update={"metrics": figures, "previous_version": version - 1})


def after_a_promotion(since: int = 100, **changes: Any) -> RetrainingPolicy:
    """Version 2 was made of 100 labelled records, asked for at record 1,000."""
    watch = policy(1, **{"minimum_labels": 100, "cool_down_records": 50, **changes})
    watch.drifted(concept(version=1))
    watch.happened(promoted(asked(watch, 1_000, since).job_id), 1_010)
    watch.installed(2)
    return watch


class TestTheBudget:
    @given(st.integers(0, 5), st.lists(st.integers(0, 2 * DAY_MS), max_size=60))
    def test_no_24_hours_see_more_trainings_than_allowed(self, maximum: int, steps: list[int]) -> None:
        budget, times = TrainingBudget(maximum), []
        for job, now in enumerate(sorted(steps)):
            if budget.allows(now):
                budget.spend(str(job), now)
                times.append(now)
        for start in times:
            assert sum(start <= at < start + DAY_MS for at in times) <= maximum

    def test_a_training_waits_for_it_and_a_recall_does_not(self) -> None:
        watch = policy(maximum_trainings_per_day=0)
        watch.drifted(concept())
        assert asked(watch, 1_000, since=50).action == "recall"
        watch.happened(verdict(ModelEventKind.REFUSED, watch.open.job_id if watch.open else "", version=None), 1_000)
        assert due(watch, 9_000) is None

    def test_a_day_later_there_is_another(self) -> None:
        watch = policy(1, maximum_trainings_per_day=1, cool_down_records=0)
        watch.drifted(concept(version=1))
        first = watch.due(1_000, lambda event: 1_000, HOUR_MS)
        assert first is not None
        watch.happened(verdict(ModelEventKind.REFUSED, first.job_id, version=None), 1_000)
        assert watch.due(2_000, lambda event: 2_000, HOUR_MS + DAY_MS - 1) is None
        assert watch.due(2_000, lambda event: 2_000, HOUR_MS + DAY_MS) is not None

    def test_what_ended_in_a_recall_has_cost_nothing(self) -> None:
        watch = policy(3, maximum_trainings_per_day=1, cool_down_records=0)
        watch.drifted(concept(version=3))
        first = asked(watch, 1_000)
        assert first.trains
        watch.happened(verdict(ModelEventKind.RECALLED, first.job_id, sequence=4, version=1), 1_000)
        watch.installed(1)
        watch.drifted(concept("e2", version=1))
        assert asked(watch, 2_000).trains


class TestRefinement:
    def test_once_its_records_have_multiplied(self) -> None:
        watch = after_a_promotion(refine=5, target_accuracy=1)
        assert due(watch, 1_399) is None
        ask = asked(watch, 1_400)
        assert (ask.purpose, ask.action, ask.newest) == ("refinement of version 2", "retrain-window", 500)
        assert "made of 100 labelled records; 500 are known" in ask.reason

    def test_again_and_again_up_to_the_window(self) -> None:
        watch = after_a_promotion(refine=5, target_accuracy=1, window=3_000)
        labelled, made = 1_010, []
        for version in range(3, 9):
            ask = next((ask for labelled in range(labelled, 20_000, 50) if (ask := due(watch, labelled))), None)
            if ask is None:
                break
            labelled = watch._open_at
            made.append(ask.newest)
            watch.happened(promoted(ask.job_id, version, version), labelled)
            watch.installed(version)
        assert made == [510, 2_560]
        assert due(watch, 100_000) is None

    def test_not_of_a_version_that_is_good_enough(self) -> None:
        watch = after_a_promotion(refine=5, target_accuracy=0.9, rollback_labels=0)
        for labelled in range(1_010, 5_000, 50):
            record = (labelled - 1_010, round((labelled - 1_010) * 0.95))
            assert watch.due(labelled, lambda event: 0, 0, lambda version, now=record: now) is None

    def test_never_with_0(self) -> None:
        assert due(after_a_promotion(refine=0), 50_000) is None

    def test_a_refused_one_comes_again_once_its_records_have_doubled(self) -> None:
        watch = after_a_promotion(refine=5, target_accuracy=1)
        ask = asked(watch, 1_400)
        watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id, version=None), 1_400)
        assert due(watch, 1_899) is None
        again = asked(watch, 1_900)
        assert again.newest == 1_000
        assert again.job_id != ask.job_id

    def test_not_of_another_version(self) -> None:
        watch = after_a_promotion(refine=5, target_accuracy=1)
        watch.installed(7)
        assert due(watch, 50_000) is None


class TestRollback:
    @staticmethod
    def after(watch: RetrainingPolicy, outcomes: int, right: int) -> Ask | None:
        watch.due(1_011, lambda event: 0, 0, lambda version: (0, 0))
        return watch.due(1_011 + outcomes, lambda event: 0, 0, lambda version: (outcomes, right))

    def test_of_a_version_clearly_worse_than_the_one_before(self) -> None:
        ask = self.after(after_a_promotion(), 60, 6)
        assert ask is not None
        assert (ask.action, ask.target, ask.newest) == ("rollback", 1, 60)
        assert "right on 6 of its first 60 labelled records (0.100)" in ask.reason
        assert "0.500 of version 1" in ask.reason

    @pytest.mark.parametrize(("outcomes", "right"), [(60, 48), (60, 27), (19, 0), (60, 25)])
    def test_not_of_one_that_may_be_as_good(self, outcomes: int, right: int) -> None:
        assert self.after(after_a_promotion(), outcomes, right) is None

    def test_not_after_its_first_labelled_records(self) -> None:
        watch = after_a_promotion(rollback_labels=200, refine=0)
        assert self.after(watch, 250, 150) is None
        assert watch.due(2_000, lambda event: 0, 0, lambda version: (600, 150)) is None

    def test_never_with_0(self) -> None:
        assert self.after(after_a_promotion(rollback_labels=0), 60, 0) is None

    def test_only_what_it_answers_from_now_on_counts(self) -> None:
        """A recalled version has a past, and may have left service for it."""
        watch = after_a_promotion()
        watch.due(1_011, lambda event: 0, 0, lambda version: (1_000, 0))
        assert watch.due(1_100, lambda event: 0, 0, lambda version: (1_080, 70)) is None

    def test_is_asked_once(self) -> None:
        watch = after_a_promotion(refine=0)
        ask = self.after(watch, 60, 6)
        assert ask is not None
        watch.happened(verdict(ModelEventKind.REFUSED, ask.job_id, version=None), 1_071)
        assert watch.due(1_100, lambda event: 0, 0, lambda version: (90, 6)) is None
        assert watch.jobs.unfit == 1


moves = st.lists(
    st.tuples(
        st.sampled_from(["drift", "warning", "over", "promoted", "recalled", "refused", "failed", "stranger", "wait"]),
        st.integers(0, 3),
        st.integers(1, 900),
    ),
    max_size=60,
)


class TestWhateverHappens:
    @given(moves, st.integers(0, 4), st.sampled_from(["retrain-onset", "retrain-window", "continue", "recall"]))
    def test_one_job_at_a_time_none_twice_and_within_the_budget(
        self, moves: list[tuple[str, int, int]], maximum: int, action: str
    ) -> None:
        spec = PolicySpec.model_validate(
            {
                "maximum_trainings_per_day": maximum,
                "cool_down_records": 100,
                "target_accuracy": 1,
                "actions": {"concept": {"alarm": action}},
            }
        )
        watch, version, labelled, now = RetrainingPolicy(spec), 1, 0, 0
        watch.installed(version)
        jobs: list[str] = []
        trained: list[int] = []
        for sequence, (move, which, step) in enumerate(moves, start=2):
            labelled, now = labelled + step, now + step * 60_000
            open_job = watch.open
            if move in ("drift", "warning"):
                severity = "alarm" if move == "drift" else "warning"
                watch.drifted(concept(f"e{which}-{version}", version, severity=severity))
            elif move == "over":
                watch.over(f"e{which}-{version}")
            elif move == "stranger":
                watch.happened(verdict(ModelEventKind.ROLLED_BACK, None, sequence, version), labelled)
            elif move in ("promoted", "recalled") and open_job is not None:
                version += 1
                if move == "recalled":
                    watch.happened(verdict(ModelEventKind.RECALLED, open_job.job_id, sequence, version), labelled)
                else:
                    watch.happened(promoted(open_job.job_id, version, sequence), labelled)
                watch.installed(version)
            elif move in ("refused", "failed") and open_job is not None:
                watch.happened(verdict(ModelEventKind(move), open_job.job_id, version=None), labelled)
            copy = RetrainingPolicy(spec)
            copy.restore(watch.snapshot())
            assert copy == watch
            had_one = watch.open is not None
            seen = (labelled, lambda event, rows=10 * step: rows, now, lambda version, n=labelled: (n, n // 2))
            ask = watch.due(*seen)
            assert copy.due(*seen) == ask
            if ask is None:
                continue
            assert not had_one
            assert ask.job_id not in jobs
            jobs.append(ask.job_id)
            if ask.trains:
                trained.append(now)
        # those that ended in a recall have cost nothing, and there may be as many more of them
        assert sum(at > now - DAY_MS for at in trained) <= maximum + watch.jobs.recalled
        assert watch.jobs.asked == len(jobs)


class TestAnOlderState:
    def test_is_taken_over(self) -> None:
        """As it was written before jobs had actions."""
        watch = policy(1, refine=0)
        event = concept(version=1)
        old = {
            "jobs": msgspec.structs.asdict(_OldJobs(asked=1)),
            "open": None,
            "waiting": [{"event": event.model_dump(), "attempt": 2}],
            "answered": {"e1": 1},
            "quiet_until": 700,
            "sequence": 3,
            "version": 1,
            "open_is_over": False,
        }
        watch.restore(pack(old))
        assert watch.jobs == Jobs(asked=1)
        assert due(watch, 699) is None
        ask = asked(watch, 700, since=250)
        assert (ask.event, ask.attempt, ask.action) == (event, 2, "retrain-onset")
        assert ask.job_id == Ask(event, 2).job_id


class _OldJobs(msgspec.Struct):
    asked: int = 0
    promoted: int = 0
    recalled: int = 0
    refused: int = 0
    failed: int = 0
