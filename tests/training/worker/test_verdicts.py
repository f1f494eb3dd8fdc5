"""One verdict a job, as its training ended, and no change of champion behind it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from driftline.errors import UsageError
from driftline.records import ModelEventKind, RetrainingJob, Window
from driftline.registry import Registry
from tests.registry.made import add_version
from tests.training.conftest import numeric_frame
from tests.training.scripted import BETTER, complains, goes_back, promotes, recalls, refuses
from tests.training.worker.trainer import SPEC, Make, champion, job
from training.data import Dataset, from_frame


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
