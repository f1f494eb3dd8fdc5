"""Children that die, windows and registries that cannot be read: a verdict that says so, or a wait."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from driftline.records import ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry import Registry, RegistryError, Unreachable
from tests.registry.made import add_version
from tests.training.scripted import dies, hangs, promotes
from tests.training.worker.trainer import DATA, ENOUGH, SAFETY, SPEC, Make, Trainer, champion, job
from training.data import Dataset


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
