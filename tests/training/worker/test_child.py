"""What a training process is told, what it says, and how one is kept warm."""

from pathlib import Path

from driftline.records import ModelEventKind
from driftline.registry import Registry
from tests.registry.made import add_version
from tests.training.scripted import ScriptedChild, dies, hangs, promotes, refuses
from tests.training.worker.trainer import SPEC, Make, job


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
