"""What the trainer promises: one verdict a job, whatever happens on the way, and no change of champion behind it."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from driftline.errors import UsageError
from driftline.records import ModelEvent, ModelEventKind, RetrainingJob, Window
from driftline.registry import Registry, RegistryError, Unreachable
from driftline.service.core import Step
from tests.registry.made import add_version
from tests.streams import NOW, batch
from tests.training.conftest import numeric_frame, numeric_spec
from tests.training.scripted import (
    BETTER,
    Act,
    ScriptedChild,
    Stage,
    complains,
    dies,
    goes_back,
    hangs,
    promotes,
    recalls,
    refuses,
)
from training import worker
from training.data import Dataset, from_frame
from training.worker import TrainerCore

SPEC = numeric_spec()
DATA = from_frame(SPEC, numeric_frame(40))
SAFETY = 30.0
# More ticks than any script here has messages.
ENOUGH = 12
Collect = Callable[[RetrainingJob, Callable[[], bool]], Dataset]


def job(job_id: str = "job-1", champion: int = 1, **fields: Any) -> RetrainingJob:
    return RetrainingJob(
        job_id=job_id,
        stream=SPEC.stream,
        requested_by="policy",
        reason="drift",
        requested_at=NOW,
        drift_event_id=f"event of {job_id}",
        champion_version=champion,
        window=Window(features={0: (0, 40)}, labels={0: (0, 40)}),
        labelled_records=40,
        **fields,
    )


class Trainer:
    """A core over a real registry, with scripted children and a clock turned by hand."""

    def __init__(self, registry: Registry, stage: Stage, collect: Collect = lambda job, stop: DATA) -> None:
        self.registry, self.stage = registry, stage
        self.core = TrainerCore(SPEC, registry, "registry-root", collect)
        self.now = NOW
        self.events: list[ModelEvent] = []

    def give(self, *values: RetrainingJob | bytes | None) -> Step:
        raw = [value.to_json() if isinstance(value, RetrainingJob) else value for value in values]
        return self._heard(self.core.process([batch(raw, SPEC.topics.retraining_jobs)], self.now))

    def tick(self, seconds: float = 0.0) -> Step:
        """Let the window's reader finish, then look once."""
        attempt = self.core._attempt
        if attempt is not None and attempt.collector is not None:
            attempt.collector.join(SAFETY)
            assert not attempt.collector.is_alive()
        return self.tick_now(seconds)

    def tick_now(self, seconds: float = 0.0) -> Step:
        self.now += int(seconds * 1000)
        return self._heard(self.core.tick(self.now))

    def run(self, *values: RetrainingJob | bytes | None) -> list[ModelEvent]:
        """Give jobs and follow them to the end; the events that would be committed with them."""
        step = self.give(*values)
        for _ in range(ENOUGH):
            if not step.busy:
                return self.events
            assert step.outputs == [], "nothing may be sent before the job is done"
            step = self.tick(1.0)
        raise AssertionError("still busy")

    def _heard(self, step: Step) -> Step:
        for out in step.outputs:
            assert out.topic == SPEC.topics.model_events
            assert out.keys is not None
            for key, value in zip(out.keys, out.values, strict=True):
                event = ModelEvent.from_json(value or b"")
                assert key == event.key
                self.events.append(event)
        return step


Make = Callable[..., Trainer]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Version 1 is in service."""
    made = Registry(str(tmp_path / "models"), SPEC.stream)
    add_version(made, SPEC, tmp_path, 1)
    made.set_champion(1, ModelEventKind.PROMOTED, now_ms=NOW - 1_000)
    return made


@pytest.fixture
def trainer(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a worker whose children act as told; called again, the one that takes over after a crash."""

    def make(*acts: Act, collect: Collect = lambda job, stop: DATA) -> Trainer:
        stage = Stage(*acts)
        monkeypatch.setattr(worker, "TrainingChild", stage)
        return Trainer(registry, stage, collect)

    return make


def champion(registry: Registry) -> tuple[int, int]:
    """Version and sequence."""
    now = registry.champion()
    assert now is not None
    return now.version, now.sequence


class TestOneVerdictAJob:
    def test_promoted(self, trainer: Make, registry: Registry) -> None:
        made = trainer(promotes)
        (event,) = made.run(job())
        assert (event.kind, event.version, event.previous_version, event.sequence) == ("promoted", 2, 1, 2)
        assert (event.job_id, event.drift_event_id, event.key) == ("job-1", "event of job-1", b"champion")
        assert event.reasons == list(BETTER.reasons)
        assert (event.metrics["accuracy"], event.metrics["champion_accuracy"]) == (0.9, 0.5)
        assert event.seconds == 2.0
        assert champion(registry) == (2, 2)
        stored = registry.manifest(2)
        assert (stored.job_id, stored.replaced_version) == ("job-1", 1)
        with registry.local_copy(2) as folder:
            assert (folder / "model.tflite").exists()
        assert made.core.verdicts == {"promoted": 1}

    def test_a_job_cannot_bring_a_gate(self, trainer: Make) -> None:
        smuggled = {"gate": "os:abort", "minimum_gain": -1}
        raw = {**json.loads(job().to_json()), **smuggled, "rollout": smuggled, "spec": {"rollout": smuggled}}
        made = trainer(promotes)
        (event,) = made.run(json.dumps(raw).encode())
        assert event.kind == "promoted"
        (request,) = made.stage.requests
        assert request.spec == SPEC
        assert b"os:abort" not in request.to_line()

    def test_refused(self, trainer: Make, registry: Registry) -> None:
        (event,) = trainer(refuses).run(job())
        assert (event.kind, event.version, event.previous_version, event.key) == ("refused", None, 1, b"job:job-1")
        assert event.metrics["accuracy"] == 0.4
        assert champion(registry) == (1, 1)
        assert registry.versions() == [1]

    def test_recalled(self, trainer: Make, registry: Registry, tmp_path: Path) -> None:
        add_version(registry, SPEC, tmp_path, 2)
        registry.set_champion(2, ModelEventKind.PROMOTED)
        (event,) = trainer(recalls(1)).run(job(champion=2))
        assert (event.kind, event.version, event.previous_version, event.sequence) == ("recalled", 1, 2, 3)
        assert champion(registry) == (1, 3)
        assert registry.versions() == [1, 2]

    def test_failed_for_the_data_at_once(self, trainer: Make, registry: Registry) -> None:
        made = trainer(complains, promotes)
        (event,) = made.run(job())
        assert (event.kind, event.key) == ("failed", b"job:job-1")
        assert event.reasons == ["18 labelled rows in the window; a training needs at least 20"]
        assert len(made.stage.asked) == 1
        assert champion(registry) == (1, 1)

    def test_of_the_first_model_too(self, trainer: Make, registry: Registry) -> None:
        for name in ("champion.json", "champions.jsonl"):
            Path(registry.location, name).unlink()
        made = trainer(promotes)
        (event,) = made.run(job())
        assert (event.version, event.previous_version, event.sequence) == (2, None, 1)
        assert made.stage.requests[0].champion_version is None

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (UsageError("the window holds no labels"), "the window holds no labels"),
            (KeyError("feature 'x'"), "KeyError: \"feature 'x'\""),
        ],
    )
    def test_a_window_that_cannot_be_read_is_a_verdict(self, trainer: Make, fault: Exception, reason: str) -> None:
        def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
            raise fault

        made = trainer(collect=collect)
        (event,) = made.run(job())
        assert (event.kind, event.reasons) == ("failed", [reason])
        assert made.stage.asked == []

    def test_two_jobs_get_two_in_their_order(self, trainer: Make, registry: Registry) -> None:
        made = trainer(promotes, refuses)
        events = made.run(job("job-1"), job("job-2"))
        assert [(event.job_id, event.kind) for event in events] == [("job-1", "promoted"), ("job-2", "refused")]
        # the second is judged against what the first put into service
        assert [request.champion_version for request in made.stage.requests] == [1, 2]
        assert champion(registry) == (2, 2)

    def test_a_record_that_is_no_job_is_counted_and_stops_nothing(self, trainer: Make) -> None:
        made = trainer(refuses)
        events = made.run(b"{", None, job(), b'{"job_id": 3}')
        assert [event.job_id for event in events] == ["job-1"]
        assert made.core.malformed == 3
        assert not made.give(b"[]").busy

    def test_an_idle_worker_says_nothing(self, trainer: Make) -> None:
        made = trainer(refuses)
        made.run(job())
        assert [made.tick(60).outputs for _ in range(3)] == [[], [], []]


class TestAJobGivenTwice:
    def test_a_promotion_that_was_not_announced_is_announced_and_not_repeated(
        self, trainer: Make, registry: Registry
    ) -> None:
        (unsent,) = trainer(promotes).run(job())
        successor = trainer()
        successor.now += 60_000
        (event,) = successor.run(job())
        # how long it took, and what it came through, went with the worker
        assert event == unsent.model_copy(update={"seconds": None, "log": []})
        assert successor.stage.asked == []
        assert champion(registry) == (2, 2)
        assert registry.versions() == [1, 2]

    def test_so_is_a_recall(self, trainer: Make, registry: Registry, tmp_path: Path) -> None:
        add_version(registry, SPEC, tmp_path, 2)
        registry.set_champion(2, ModelEventKind.PROMOTED)
        (unsent,) = trainer(recalls(1)).run(job(champion=2))
        successor = trainer()
        (event,) = successor.run(job(champion=2))
        lost = {"reasons": unsent.reasons, "metrics": unsent.metrics, "seconds": 1.0, "log": unsent.log}
        assert event.model_copy(update=lost) == unsent
        assert event.reasons == ["recalled before its worker ended, without announcing it"]
        assert successor.stage.asked == []
        assert champion(registry) == (1, 3)

    def test_a_version_that_was_stored_and_not_yet_put_into_service_is(
        self, trainer: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = trainer(promotes)
        with monkeypatch.context() as patch:
            patch.setattr(registry, "set_champion", lambda *args, **options: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                first.run(job())
        assert (registry.versions(), champion(registry)) == ([1, 2], (1, 1))
        successor = trainer()
        (event,) = successor.run(job())
        assert (event.kind, event.version, event.reasons) == ("promoted", 2, list(BETTER.reasons))
        assert successor.stage.asked == []
        assert champion(registry) == (2, 2)

    def test_but_not_over_a_model_that_came_into_service_meanwhile(
        self, trainer: Make, registry: Registry, tmp_path: Path
    ) -> None:
        add_version(registry, SPEC, tmp_path, 2, job_id="job-1", replaced_version=1)
        add_version(registry, SPEC, tmp_path, 3)
        registry.set_champion(3, ModelEventKind.PROMOTED)
        (event,) = trainer().run(job())
        assert (event.kind, event.reasons) == (
            "refused",
            ["version 2 was stored, but another model was put into service before it was"],
        )
        assert champion(registry) == (3, 2)

    def test_nor_against_an_operator_who_rolled_it_back(self, trainer: Make, registry: Registry) -> None:
        trainer(promotes).run(job())
        registry.set_champion(1, ModelEventKind.ROLLED_BACK)
        (event,) = trainer().run(job())
        assert (event.kind, event.reasons) == (
            "refused",
            ["version 2 was in service and has been replaced by version 1"],
        )
        assert champion(registry) == (1, 3)

    def test_nor_however_often_an_operator_has_changed_it_since(
        self, trainer: Make, registry: Registry, tmp_path: Path
    ) -> None:
        trainer(promotes).run(job())
        add_version(registry, SPEC, tmp_path, 3)
        for version in (1, 3, 1):
            registry.set_champion(version, ModelEventKind.ROLLED_BACK)
        (event,) = trainer().run(job())
        assert (event.kind, event.reasons) == (
            "refused",
            ["version 2 was in service and has been replaced by version 1"],
        )
        assert champion(registry) == (1, 5)

    def test_a_job_whose_id_ends_anothers_is_a_job_of_its_own(self, trainer: Make, registry: Registry) -> None:
        trainer(promotes).run(job("pumps-7"))
        successor = trainer(refuses)
        (event,) = successor.run(job("7", champion=2))
        assert (event.job_id, event.kind) == ("7", "refused")
        assert len(successor.stage.asked) == 1


class TestChangesMeanwhile:
    def test_a_verdict_against_a_model_that_left_service_is_void(
        self, trainer: Make, registry: Registry, tmp_path: Path
    ) -> None:
        made = trainer(promotes)
        made.give(job())
        made.tick()
        add_version(registry, SPEC, tmp_path, 2)
        registry.set_champion(2, ModelEventKind.PROMOTED)
        assert not made.tick().busy
        (event,) = made.events
        assert event.kind == "refused"
        assert event.reasons == [
            "the model in service changed during the training, from version 1 to 2; "
            "the candidate was judged against the former"
        ]
        assert event.metrics["accuracy"] == 0.9
        assert champion(registry) == (2, 2)
        assert registry.versions() == [1, 2]

    def test_so_it_is_after_there_and_back(self, trainer: Make, registry: Registry, tmp_path: Path) -> None:
        made = trainer(recalls(1))
        made.give(job())
        add_version(registry, SPEC, tmp_path, 2)
        for version in (2, 1):
            registry.set_champion(version, ModelEventKind.PROMOTED)
        made.tick()
        (event,) = made.events
        assert event.kind == "refused"
        assert champion(registry) == (1, 3)


class TestAccidents:
    def test_a_child_that_dies_once_is_tried_again(self, trainer: Make, registry: Registry) -> None:
        made = trainer(dies, promotes)
        (event,) = made.run(job())
        assert (event.kind, event.version) == ("promoted", 2)
        first, second = made.stage.asked
        assert first.killed
        assert made.stage.requests[0].out != made.stage.requests[1].out, "the first may have left half a model"
        assert second.request is not None

    def test_twice_is_no_accident(self, trainer: Make, registry: Registry) -> None:
        made = trainer(dies, dies, promotes)
        (event,) = made.run(job())
        assert (event.kind, len(made.stage.asked)) == ("failed", 2)
        assert event.reasons == ["the training process ended without a verdict (killed by signal 9)"]
        assert champion(registry) == (1, 1)

    def test_a_training_that_takes_too_long_is_ended(self, trainer: Make) -> None:
        made = trainer(hangs)
        made.give(job())
        made.tick(SPEC.training.timeout_seconds)
        assert made.events == []
        assert not made.tick(1).busy
        (event,) = made.events
        assert (event.kind, event.reasons) == ("failed", ["ended after training.timeout_seconds (1800 s)"])
        assert made.stage.asked[0].killed

    def test_so_is_a_window_that_is_never_read_to_its_end(self, trainer: Make) -> None:
        release, stopped = threading.Event(), []

        def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
            release.wait(SAFETY)
            stopped.append(stop())
            return DATA

        made = trainer(promotes, collect=collect)
        made.give(job())
        attempt = made.core._attempt
        assert attempt is not None
        assert not made.tick_now(SPEC.training.timeout_seconds + 1).busy
        release.set()
        assert attempt.collector is not None
        attempt.collector.join(SAFETY)
        assert stopped == [True]
        assert [event.kind for event in made.events] == ["failed"]
        assert not made.tick().busy
        assert made.stage.asked == []

    def test_a_registry_that_cannot_be_read_is_a_verdict(self, trainer: Make, registry: Registry) -> None:
        Path(registry.location, "champion.json").write_bytes(b"{")
        made = trainer(promotes)
        (event,) = made.run(job())
        assert event.kind == "failed"
        assert event.reasons[0].startswith("the registry cannot be read: ")
        assert "champion.json is damaged" in event.reasons[0]

    def test_so_is_one_that_fails_once_the_window_is_read(
        self, trainer: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away() -> list[int]:
            raise RegistryError("the share is away")

        made = trainer(promotes)
        made.give(job())
        monkeypatch.setattr(registry, "versions", away)
        assert not made.tick().busy
        assert [(event.kind, event.reasons) for event in made.events] == [("failed", ["the share is away"])]

    def test_a_model_that_cannot_be_stored_leaves_the_old_one(
        self, trainer: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*args: object) -> object:
            raise RegistryError("No space left on device")

        monkeypatch.setattr(registry, "add", full)
        (event,) = trainer(promotes).run(job())
        assert (event.kind, event.reasons) == ("failed", ["No space left on device"])
        assert champion(registry) == (1, 1)

    def test_old_versions_that_cannot_be_removed_do_not_undo_a_promotion(
        self, trainer: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(keep: int) -> list[int]:
            raise RegistryError("Permission denied")

        monkeypatch.setattr(registry, "prune", refuse)
        (event,) = trainer(promotes).run(job())
        assert (event.kind, champion(registry)) == ("promoted", (2, 2))


class TestARegistryThatIsAway:
    def away(self, registry: Registry, *names: str) -> Callable[[], None]:
        """These calls fail until what is returned is called."""

        def refuse(*args: object, **options: object) -> None:
            raise Unreachable("the share is away")

        context = pytest.MonkeyPatch()
        for name in names:
            context.setattr(registry, name, refuse)
        return context.undo

    def test_a_job_is_not_begun_nor_failed_until_it_is_known_whether_it_was_answered(
        self, trainer: Make, registry: Registry
    ) -> None:
        trainer(promotes).run(job())
        back = self.away(registry, "champion")
        made = trainer()
        assert made.give(job()).busy
        assert all(made.tick(1).busy for _ in range(12))
        assert made.core.registry_failures == {"unreachable": 3}, "asked every 5 s"
        back()
        for _ in range(ENOUGH):
            made.tick(1)
        (event,) = made.events
        assert (event.kind, event.version) == ("promoted", 2)
        assert made.stage.asked == []

    def test_a_model_that_was_trained_waits_to_be_stored(self, trainer: Make, registry: Registry) -> None:
        made = trainer(promotes)
        back = self.away(registry, "add")
        made.give(job())
        assert all(made.tick(1).busy for _ in range(30))
        back()
        assert [event.kind for event in self.followed(made)] == ["promoted"]
        assert champion(registry) == (2, 2)
        assert len(made.stage.asked) == 1

    def test_one_that_was_stored_is_not_stored_again(self, trainer: Make, registry: Registry) -> None:
        made = trainer(promotes)
        back = self.away(registry, "set_champion")
        made.give(job())
        assert all(made.tick(1).busy for _ in range(30))
        back()
        assert [event.kind for event in self.followed(made)] == ["promoted"]
        assert (registry.versions(), champion(registry)) == ([1, 2], (2, 2))

    @pytest.mark.parametrize("name", ["champion", "versions", "add"])
    def test_it_is_not_waited_for_beyond_the_time_limit(self, trainer: Make, registry: Registry, name: str) -> None:
        made = trainer(promotes)
        if name == "versions":
            made.give(job())
        back = self.away(registry, name)
        if name != "versions":
            made.give(job())
        for _ in range(4):
            assert made.tick(1).busy
        made.tick(SPEC.training.timeout_seconds)
        made.tick(6)
        (event,) = made.events
        assert event.kind == "failed"
        assert "the share is away" in event.reasons[0]
        back()
        assert champion(registry) == (1, 1)

    def test_a_champion_that_changes_in_the_last_moment_is_not_replaced(
        self, trainer: Make, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_version(registry, SPEC, tmp_path, 2)
        made = trainer(promotes)
        works = registry.add

        def slow(*args: object) -> object:
            stored = works(*args)  # type: ignore[arg-type]
            registry.set_champion(2, ModelEventKind.PROMOTED)
            return stored

        monkeypatch.setattr(registry, "add", slow)
        (event,) = made.run(job())
        assert event.kind == "refused"
        assert "the model in service changed meanwhile" in event.reasons[0]
        assert champion(registry) == (2, 2)

    def followed(self, made: Trainer) -> list[ModelEvent]:
        for _ in range(ENOUGH):
            made.tick(1)
        return made.events


class TestRevoked:
    @pytest.mark.parametrize("end", ["revoked", "close"])
    def test_a_job_that_is_anothers_now_ends_without_a_word(self, trainer: Make, registry: Registry, end: str) -> None:
        made = trainer(hangs)
        made.give(job("job-1"), job("job-2"))
        made.tick()
        (child,) = made.stage.asked
        assert made.core._attempt is not None
        folder = made.core._attempt.folder
        assert folder.exists()
        if end == "revoked":
            made.core.revoked(frozenset({(SPEC.topics.retraining_jobs, 0)}))
            assert not made.tick(10).busy
        else:
            made.core.close()
            assert made.stage.made[-1].killed, "the spare child goes too"
        assert child.killed
        assert not folder.exists()
        assert made.events == []
        assert made.core.busy is None
        assert champion(registry) == (1, 1)

    def test_a_verdict_that_was_not_committed_is_forgotten(self, trainer: Make) -> None:
        made = trainer(refuses, hangs)
        made.give(job("job-1"), job("job-2"))
        for _ in range(4):
            made.tick()
        assert made.core.busy == "job-2"
        made.core.revoked(frozenset({(SPEC.topics.retraining_jobs, 0)}))
        assert made.tick().outputs == []

    def test_given_back_it_is_done_from_the_start(self, trainer: Make, registry: Registry) -> None:
        made = trainer(hangs, promotes)
        made.give(job())
        made.tick()
        made.core.revoked(frozenset({(SPEC.topics.retraining_jobs, 0)}))
        (event,) = made.run(job())
        assert event.kind == "promoted"


class TestTheChild:
    def test_it_is_told_what_it_needs(self, trainer: Make, registry: Registry, tmp_path: Path) -> None:
        for version in range(2, 15):
            add_version(registry, SPEC, tmp_path, version)
        registry.set_champion(9, ModelEventKind.PROMOTED)
        made = trainer(refuses)
        made.run(job())
        (request,) = made.stage.requests
        assert (request.champion_version, request.registry) == (9, "registry-root")
        assert request.archived == (14, 13, 12, 11, 10, 8, 7, 6, 5, 4), "the newest ten, newest first, not the champion"
        assert (request.origin.job_id, request.origin.drift_event_id) == ("job-1", "event of job-1")
        assert (request.origin.replaces, request.origin.window) == (9, job().window)

    def test_one_waits_warm_and_is_replaced_where_it_dies_waiting(self, trainer: Make) -> None:
        made = trainer(refuses)
        made.tick()
        assert made.core.warm
        (waiting,) = made.stage.made
        waiting.messages.append({"error": "killed", "usage": False})
        made.tick()
        made.tick()
        assert len(made.stage.made) == 2
        assert made.stage.made[1].warmed
        (event,) = made.run(job())
        assert event.kind == "refused"
        assert made.stage.asked == [made.stage.made[1]]

    def test_no_second_one_is_warmed_beside_a_training(self, trainer: Make) -> None:
        made = trainer(hangs)
        made.give(job())
        for _ in range(3):
            made.tick()

        def warm(child: ScriptedChild) -> bool:
            return child.warmed

        assert [warm(child) for child in made.stage.made if child.request is None] == [False]

    def test_its_progress_can_be_seen(self, trainer: Make) -> None:
        made = trainer(hangs)
        assert (made.core.busy, made.core.progress) == (None, {})
        made.give(job())
        assert made.core.busy == "job-1"
        made.tick()
        assert made.core.progress == {"stage": "fit", "epoch": 1}

    def test_what_it_came_through_is_told_with_the_verdict(self, trainer: Make) -> None:
        made = trainer(dies, promotes, refuses)
        made.run(job("job-1"))
        first, second = made.run(job("job-2", champion=2))
        told = [line.text for line in first.log]
        assert told[0] == "taken, to learn from 40 labelled records"
        assert told[1].startswith("40 rows read") and told[2] == "fit" and "once more" in told[3]
        assert [line.at for line in first.log] == sorted(line.at for line in first.log)
        assert [line.text for line in second.log[:2]] == told[:2], "each job has its own"

    def test_old_versions_are_pruned_after_a_promotion(self, trainer: Make, registry: Registry, tmp_path: Path) -> None:
        for version in range(2, 23):
            add_version(registry, SPEC, tmp_path, version)
        trainer(promotes).run(job())
        assert registry.versions() == [1, *range(4, 24)], "twenty, and the one before"


class TestWhatAJobAsksFor:
    def test_reaches_the_process_that_does_it(self, trainer: Make) -> None:
        made = trainer(refuses, refuses)
        made.run(job("job-1", action="continue"), job("job-2"))
        assert [request.action for request in made.stage.requests] == ["continue", "retrain-onset"]

    def test_a_rollback_offers_that_version_only(self, trainer: Make, registry: Registry, tmp_path: Path) -> None:
        for version in (2, 3):
            add_version(registry, SPEC, tmp_path, version)
            registry.set_champion(version, ModelEventKind.PROMOTED)
        (event,) = trainer(goes_back).run(job(champion=3, action="rollback", target_version=1))
        assert (event.kind, event.version, event.previous_version, event.sequence) == ("rolled-back", 1, 3, 4)
        assert champion(registry) == (1, 4)

    def test_a_rollback_that_was_not_announced_is_announced_and_not_repeated(
        self, trainer: Make, registry: Registry, tmp_path: Path
    ) -> None:
        add_version(registry, SPEC, tmp_path, 2)
        registry.set_champion(2, ModelEventKind.PROMOTED)
        back = job(champion=2, action="rollback", target_version=1)
        trainer(goes_back).run(back)
        successor = trainer()
        (event,) = successor.run(back)
        assert (event.kind, event.version) == ("rolled-back", 1)
        assert successor.stage.asked == []
        assert champion(registry) == (1, 3)

    def test_a_refusal_says_what_it_is_one_of(self, trainer: Make, registry: Registry) -> None:
        (event,) = trainer(refuses).run(job(action="recall"))
        assert (event.kind, event.action) == ("refused", "recall")
        assert champion(registry) == (1, 1)

    def test_a_window_of_one_class_is_made_longer(self, trainer: Make) -> None:
        """Labels that come in runs leave only one of them since the onset."""
        frame = numeric_frame(120)
        frame.loc[20:, "label"] = "a"
        windows: list[Window] = []

        def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
            windows.append(job.window)
            return from_frame(SPEC, frame.iloc[job.window.features[0][0] :])

        made = trainer(promotes, collect=collect)
        window = Window(features={0: (90, 120)}, labels={0: (95, 120)})
        (event,) = made.run(job().model_copy(update={"window": window}))
        assert event.kind == "promoted"
        assert [(w.features[0], w.labels[0]) for w in windows] == [
            ((90, 120), (95, 120)),
            ((60, 120), (70, 120)),
            ((0, 120), (20, 120)),
        ]
        assert made.stage.requests[0].origin.window == windows[-1]

    def test_but_not_for_a_look_into_the_archive(self, trainer: Make) -> None:
        frame = numeric_frame(40)
        frame["label"] = "a"
        asked: list[RetrainingJob] = []

        def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
            asked.append(job)
            return from_frame(SPEC, frame)

        trainer(refuses, collect=collect).run(job(action="recall"))
        assert len(asked) == 1
