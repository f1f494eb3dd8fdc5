"""What a look at the registry promises: the newest champion or the reason why not, and the one in service is kept."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from driftline.model.scorer import open_scorer
from driftline.records import ModelEvent, ModelEventKind
from driftline.registry import Manifest, Registry
from driftline.service.champion_watch import CALM, FIRST, HASTY_LOOKS, LESS_HASTY, NEEDED
from tests.registry.made import add_version
from tests.service.watching import SPEC, Watching

LITE = "lite"
NOBODY = 65534


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(Registry(str(tmp_path / "models"), SPEC.stream), tmp_path)


def base(watching: Watching) -> Path:
    return Path(watching.registry.location)


@contextmanager
def permission_denied(folder: Path) -> Iterator[None]:
    """Nobody may look into `folder`; root may anything, so root becomes nobody."""
    mode = folder.stat().st_mode
    folder.chmod(0o700 if os.geteuid() == 0 else 0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(mode)


@contextmanager
def folder_gone(folder: Path) -> Iterator[None]:
    """As when a share is unmounted: the mount point stays, and is empty."""
    away = folder.with_name("away")
    folder.rename(away)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder)
        away.rename(folder)


@contextmanager
def file_in_the_way(folder: Path) -> Iterator[None]:
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_text("")
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


class TestOneWayIn:
    def test_first_load_and_swap_are_alike(self, watching: Watching) -> None:
        assert watching.look() is None
        watching.promote(1)
        assert watching.look() == (1, "model 1: lite")
        assert watching.look() is None
        watching.promote(2)
        assert watching.look() == (2, "model 2: lite")
        watching.registry.set_champion(1, ModelEventKind.ROLLED_BACK)
        assert watching.look() == (1, "model 1: lite")
        assert watching.loads == [1, 2, 1]
        assert (watching.watch.sequence, watching.watch.trouble, watching.failures) == (3, None, [])

    def test_a_registry_with_nothing_in_it_yet_is_no_trouble(self, watching: Watching) -> None:
        assert watching.lines(3) == []
        assert watching.watch.trouble is None

    def test_one_made_for_other_features_is_not_even_loaded(self, watching: Watching) -> None:
        watching.promote(1, model_hash="0" * 16)
        assert watching.look() is None
        assert (watching.loads, watching.failures) == ([], [1])
        assert watching.watch.trouble is not None
        assert "another specification" in watching.watch.trouble
        assert watching.failed("unfit") == 1


@pytest.mark.parametrize(
    ("fault", "cause"),
    [(permission_denied, "unreachable"), (file_in_the_way, "unreachable"), (folder_gone, "missing")],
)
class TestARegistryThatIsAway:
    def test_the_version_in_service_stays_and_it_is_logged_once(
        self, watching: Watching, fault: object, cause: str
    ) -> None:
        watching.promote(1)
        watching.look()
        with fault(base(watching).parent):  # type: ignore[operator]
            assert watching.lines(5) == ["champion cannot be loaded; the one in service stays"]
            assert watching.watch.trouble is not None
            assert watching.registry.location in watching.watch.trouble
            assert watching.failed(cause) == 5
        watching.promote(2)
        assert watching.lines() == ["the registry is well again", "version ready"]
        assert (watching.watch.sequence, watching.watch.trouble) == (2, None)

    def test_a_service_that_starts_meanwhile_waits_and_goes_on_when_it_is_back(
        self, watching: Watching, fault: object, cause: str
    ) -> None:
        watching.promote(1)
        with fault(base(watching).parent):  # type: ignore[operator]
            assert [watching.look() for _ in range(3)] == [None] * 3
            # an empty folder looks like a stream that has no model yet
            assert (watching.watch.trouble is None) == (cause == "missing")
            assert watching.watch.pause == FIRST
        assert watching.look() == (1, "model 1: lite")
        assert watching.watch.trouble is None


class TestARegistryThatLostSomething:
    def test_an_older_champion_than_was_seen_is_not_believed(self, watching: Watching) -> None:
        watching.promote(1)
        backup = (base(watching) / "champion.json").read_bytes()
        watching.promote(2)
        assert watching.look() is not None
        (base(watching) / "champion.json").write_bytes(backup)
        assert watching.lines(2) == ["champion cannot be loaded; the one in service stays"]
        assert watching.failed("older") == 2
        # the registry itself knows better: the next change is counted from the highest
        watching.promote(1)
        assert watching.look() == (1, "model 1: lite")
        assert watching.watch.sequence == 3

    def test_a_damaged_champion_file_is_told_once_and_survived(self, watching: Watching) -> None:
        watching.promote(1)
        champion = base(watching) / "champion.json"
        good = champion.read_bytes()
        champion.write_bytes(b"{")
        assert [watching.look() for _ in range(2)] == [None, None]
        assert (watching.failures, watching.failed("damaged")) == ([0], 2)
        champion.write_bytes(good)
        assert watching.look() == (1, "model 1: lite")

    def test_a_champion_whose_version_does_not_exist(self, watching: Watching) -> None:
        watching.promote(1)
        watching.look()
        watching.promote(2)
        shutil.rmtree(base(watching) / "2")
        assert watching.lines(3) == ["champion cannot be loaded; the one in service stays"]
        assert watching.watch.trouble is not None
        assert "version 2 does not exist" in watching.watch.trouble
        assert watching.failed("missing") == 3


class TestDamagedFiles:
    @pytest.mark.parametrize("name", ["model.tflite", "saved_model.pb", "variables/variables.index"])
    @pytest.mark.parametrize("damage", [b"", b"lit", b"garbage" * 100, b"litf", None])
    def test_are_refused_by_name_before_they_are_read(
        self, watching: Watching, name: str, damage: bytes | None
    ) -> None:
        watching.promote(1)
        assert watching.look() == (1, "model 1: lite")
        watching.promote(2)
        file = base(watching) / "2" / name
        file.unlink() if damage is None else file.write_bytes(damage)
        assert watching.lines(5) == ["champion cannot be loaded; the one in service stays"]
        assert watching.watch.trouble is not None
        assert f"2/{name} is damaged" in watching.watch.trouble
        assert (watching.watch.sequence, watching.failures) == (1, [2])
        assert watching.loads == [1, 2], "not tried again while nothing has changed"
        assert watching.failed("damaged") == 1

    def test_a_damaged_manifest_too(self, watching: Watching) -> None:
        watching.promote(1)
        watching.look()
        watching.promote(2)
        for damage in (b"", b"{", b"\xff" * 10):
            (base(watching) / "2" / "manifest.json").write_bytes(damage)
            assert watching.look() is None
        assert watching.watch.trouble is not None
        assert "2/manifest.json is damaged" in watching.watch.trouble

    def test_the_interpreter_never_sees_a_damaged_model(self, watching: Watching) -> None:
        seen = []

        def load(manifest: Manifest) -> str:
            with watching.registry.local_copy(manifest.version) as folder:
                seen.append(folder)
                return repr(open_scorer(manifest, folder))

        watching.watch._load = load
        watching.promote(1)
        (base(watching) / "1" / "model.tflite").write_bytes(os.urandom(10_000))
        assert watching.look() is None
        assert seen == []

    def test_are_tried_again_when_the_file_has_changed(self, watching: Watching) -> None:
        watching.promote(1)
        file = base(watching) / "1" / "model.tflite"
        file.write_bytes(b"x")
        assert [watching.look() for _ in range(3)] == [None] * 3
        file.write_bytes(LITE.encode())
        assert watching.look() == (1, "model 1: lite")
        assert (watching.loads, watching.watch.trouble) == ([1, 1], None)

    def test_are_done_with_when_the_champion_changes(self, watching: Watching) -> None:
        watching.promote(1)
        watching.look()
        watching.promote(2)
        (base(watching) / "2" / "model.tflite").write_bytes(b"x")
        watching.look()
        watching.registry.set_champion(1, ModelEventKind.ROLLED_BACK)
        assert watching.look() == (1, "model 1: lite")
        assert watching.watch.trouble is None

    def test_a_version_without_checksums_is_served_as_before(self, watching: Watching) -> None:
        stored = add_version(watching.registry, SPEC, watching.scratch, 1)
        old = stored.model_dump(mode="json", exclude={"files"})
        (base(watching) / "1" / "manifest.json").write_text(Manifest.model_validate(old).model_dump_json())
        (base(watching) / "1" / "model.tflite").write_bytes(b"edited")
        watching.registry.set_champion(1, ModelEventKind.PROMOTED)
        assert watching.look() == (1, "model 1: edited")


class TestAVersionThatCannotBeUsed:
    @pytest.mark.parametrize(
        ("error", "lasts"),
        [
            (ValueError("not a flatbuffer"), True),
            (RuntimeError("op not found"), True),
            (ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow"), True),
            (KeyError("probabilities"), True),
            (OSError(5, "Input/output error"), False),
            (MemoryError(), False),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_the_one_in_service_stays_and_it_is_told_once(
        self, watching: Watching, error: Exception, lasts: bool
    ) -> None:
        watching.promote(1)
        watching.look()
        watching.broken[2] = error
        watching.promote(2)
        assert watching.lines(4) == ["champion cannot be loaded; the one in service stays"]
        assert watching.failures == [2]
        assert watching.loads.count(2) == (1 if lasts else 4), "what may pass is tried again"
        watching.promote(3)
        assert watching.look() == (3, "model 3: lite")

    def test_one_that_is_pruned_while_it_is_loaded_gives_way_to_its_successor(self, watching: Watching) -> None:
        for version in range(2, 6):
            add_version(watching.registry, SPEC, watching.scratch, version)
        watching.promote(1)
        works = watching.load

        def slow(manifest: Manifest) -> str:
            if manifest.version == 1:
                for version in (2, 3):
                    watching.promote(version)
                assert watching.registry.prune(2) == [1]
            return works(manifest)

        watching.watch._load = slow
        assert watching.look() == (3, "model 3: lite")
        assert (watching.failures, watching.watch.trouble) == ([], None)


class TestWhatIsNeeded:
    def test_it_is_looked_for_in_haste_until_it_is_there(self, watching: Watching) -> None:
        watching.promote(1)
        watching.look()
        assert watching.watch.pause == CALM
        assert not watching.watch.need(1)
        assert watching.watch.pause == CALM
        assert watching.watch.need(2)
        assert watching.watch.pause == NEEDED
        watching.promote(2)
        assert watching.look() == (2, "model 2: lite")
        assert (watching.watch.pause, watching.watch.trouble) == (CALM, None)

    def test_while_it_does_not_come_the_reason_is_told_and_logged_once(self, watching: Watching) -> None:
        watching.promote(1)
        watching.look()
        watching.watch.need(7)
        assert watching.lines(HASTY_LOOKS) == ["the registry is behind what another member has answered with"]
        assert watching.watch.trouble is not None
        assert watching.watch.trouble.startswith("champion 7 is needed, and the newest in registry ")
        assert watching.watch.pause == LESS_HASTY
        assert watching.failed("behind") == HASTY_LOOKS

    def test_where_it_is_damaged_that_is_the_reason_and_it_is_not_loaded_over_and_over(
        self, watching: Watching
    ) -> None:
        watching.promote(1)
        watching.look()
        watching.promote(2)
        (base(watching) / "2" / "model.tflite").write_bytes(b"x")
        watching.watch.need(2)
        assert [watching.look() for _ in range(5)] == [None] * 5
        assert watching.watch.trouble is not None
        assert "2/model.tflite is damaged" in watching.watch.trouble
        assert watching.loads == [1, 2]


class TestEvents:
    def event(self, watching: Watching, version: int, sequence: int) -> ModelEvent:
        return watching.registry.set_champion(1, ModelEventKind.PROMOTED).model_copy(
            update={"version": version, "sequence": sequence}
        )

    @pytest.mark.parametrize(
        ("version", "sequence", "kind"),
        [(99, 2, "contradicting"), (99, 3, "ahead"), (1, 10**30, "ahead"), (1, 2, None), (7, 1, None), (7, -5, None)],
    )
    def test_the_registry_is_believed(self, watching: Watching, version: int, sequence: int, kind: str | None) -> None:
        watching.promote(1)
        event = self.event(watching, version, sequence)
        for _ in range(3):
            watching.watch.announced(event)
            found = watching.look()
        watching.watch.announced(event)
        assert watching.lines() == []
        assert (found, watching.watch.sequence, watching.loads) == (None, 2, [1])
        assert watching.watch.trouble is None
        for odd in ("ahead", "contradicting"):
            assert watching.count("driftline_model_events_odd_total", kind=odd) == (odd == kind)

    def test_old_ones_are_no_news(self, watching: Watching) -> None:
        event = watching.promote(1)
        assert watching.watch.announced(event)
        watching.look()
        assert not watching.watch.announced(event)
