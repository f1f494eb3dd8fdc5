"""A job that comes again, or goes to another: still one verdict, of the world as it is then."""

from pathlib import Path

import pytest

from driftline.records import ModelEventKind
from driftline.registry import Registry
from tests.registry.made import add_version
from tests.training.scripted import BETTER, hangs, promotes, recalls, refuses
from tests.training.worker.trainer import SPEC, Make, champion, job


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
