"""What the registry promises: a version is there whole or not at all, and one version is in service."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
import pytest

from driftline.errors import UsageError
from driftline.records import ModelEventKind
from driftline.registry import Registry, RegistryError, open_registry
from tests.registry.made import FILES, add_version, manifest, version_files
from tests.streams import NOW, numeric_stream

SPEC = numeric_stream()
PROMOTED = ModelEventKind.PROMOTED


@pytest.fixture
def local(tmp_path: Path) -> Registry:
    return Registry(str(tmp_path / "models"), SPEC.stream)


@pytest.fixture
def remote() -> Iterator[Registry]:
    root = f"memory://{uuid.uuid4().hex}"
    yield Registry(root, SPEC.stream)
    with suppress(FileNotFoundError):
        fsspec.filesystem("memory").rm(root, recursive=True)


@pytest.fixture(params=["local", "remote"])
def registry(request: pytest.FixtureRequest) -> Registry:
    """A folder, and an object store."""
    made: Registry = request.getfixturevalue(request.param)
    return made


def overwrite(registry: Registry, name: str, content: bytes) -> None:
    """Damage a file behind the registry's back."""
    if "://" in registry.location:
        fsspec.filesystem("memory").pipe_file(f"{registry.location}/{name}", content)
    else:
        (Path(registry.location) / name).write_bytes(content)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestVersions:
    def test_an_empty_registry_has_none(self, registry: Registry) -> None:
        assert registry.versions() == []
        assert registry.next_version() == 1
        assert registry.champion() is None
        assert registry.by_job("j") is None
        assert registry.prune(2) == []

    def test_what_was_added_is_there_as_it_was(self, registry: Registry, tmp_path: Path) -> None:
        stored = add_version(registry, SPEC, tmp_path, job_id="j1", classes=("größer", "日本", "x"))
        assert registry.versions() == [1]
        assert registry.next_version() == 2
        assert registry.manifest(1) == stored
        with registry.local_copy(1) as folder:
            found = contents(folder)
        assert json.loads(found.pop("manifest.json"))["classes"] == ["größer", "日本", "x"]
        assert found == FILES

    def test_a_download_is_removed_after_use_and_the_registrys_own_folder_is_not(
        self, local: Registry, remote: Registry, tmp_path: Path
    ) -> None:
        for registry in (local, remote):
            add_version(registry, SPEC, tmp_path)
        with remote.local_copy(1) as folder:
            pass
        assert not folder.exists()
        with local.local_copy(1) as folder:
            pass
        assert folder.exists()

    def test_a_number_in_use_is_passed_over(self, registry: Registry, tmp_path: Path) -> None:
        assert [add_version(registry, SPEC, tmp_path, 1, job_id=f"j{i}").version for i in range(3)] == [1, 2, 3]
        assert [registry.manifest(v).version for v in registry.versions()] == [1, 2, 3]

    def test_versions_are_ordered_as_numbers(self, registry: Registry, tmp_path: Path) -> None:
        for version in (10, 9, 2):
            add_version(registry, SPEC, tmp_path, version)
        assert registry.versions() == [2, 9, 10]
        assert registry.next_version() == 11

    def test_other_things_in_the_folder_are_no_versions(self, local: Registry, tmp_path: Path) -> None:
        add_version(local, SPEC, tmp_path)
        base = Path(local.location)
        (base / "7").mkdir()
        (base / "notes").mkdir()
        (base / "5").write_text("a file")
        (base / ".staging-abc").mkdir()
        (base / ".staging-abc" / "manifest.json").write_text("{}")
        assert local.versions() == [1]
        assert local.next_version() == 8  # an unfinished upload may still hold the number

    def test_by_job_finds_what_a_job_made(self, registry: Registry, tmp_path: Path) -> None:
        for version in (1, 2, 3):
            add_version(registry, SPEC, tmp_path, version, job_id=f"j{version}" if version > 1 else None)
        found = registry.by_job("j2")
        assert found is not None
        assert found.version == 2
        assert registry.by_job("j9") is None

    def test_streams_do_not_see_each_other(self, tmp_path: Path) -> None:
        one, other = (Registry(str(tmp_path / "models"), name) for name in ("a", "b"))
        add_version(one, SPEC, tmp_path)
        assert (one.versions(), other.versions()) == ([1], [])

    @pytest.mark.parametrize(
        "ask",
        [
            lambda registry: registry.manifest(5),
            lambda registry: registry.reference(5),
            lambda registry: registry.local_copy(5).__enter__(),
        ],
    )
    def test_a_version_that_is_not_there_is_named(self, registry: Registry, ask: Callable[[Registry], object]) -> None:
        with pytest.raises(RegistryError, match="version 5 does not exist"):
            ask(registry)

    def test_where_it_lies_is_said_as_a_person_would(self, local: Registry, remote: Registry, tmp_path: Path) -> None:
        assert local.location == str(tmp_path / "models" / "pumps")
        assert remote.location.startswith("memory://")
        assert remote.location.endswith("/pumps")

    def test_an_error_while_a_copy_is_used_is_its_users_own(self, registry: Registry, tmp_path: Path) -> None:
        add_version(registry, SPEC, tmp_path)
        with pytest.raises(FileNotFoundError, match="mine"), registry.local_copy(1):
            raise FileNotFoundError("mine")


class TestWholeOrNothing:
    def left_behind(self, registry: Registry) -> list[str]:
        base = Path(registry.location)
        return sorted(path.name for path in base.iterdir() if path.name != ".lock") if base.exists() else []

    def test_files_that_are_missing(self, registry: Registry, tmp_path: Path) -> None:
        with pytest.raises(RegistryError, match=r"pumps: version 1 cannot be written"):
            registry.add(tmp_path / "nowhere", manifest(SPEC))
        assert registry.versions() == []

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "models").write_text("a file stands in the way")
        registry = Registry(str(tmp_path / "models"), SPEC.stream)
        with pytest.raises(RegistryError, match="cannot be written"):
            add_version(registry, SPEC, tmp_path)
        with pytest.raises(RegistryError):
            registry.set_champion(1, PROMOTED)

    @pytest.mark.parametrize("failing", ["put", "pipe_file"])
    def test_an_upload_that_breaks_off(
        self, remote: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        store = fsspec.filesystem("memory")
        works = getattr(store, failing)

        def broken(*args: object, **options: object) -> None:
            if failing == "put" or "manifest.json" not in str(args[0]):
                works(*args, **options)
            if failing == "put" or "manifest.json" in str(args[0]):
                raise OSError("connection reset")

        monkeypatch.setattr(store, failing, broken)
        with pytest.raises(RegistryError, match="connection reset"):
            add_version(remote, SPEC, tmp_path)
        monkeypatch.undo()
        assert remote.versions() == []
        assert not store.exists(f"{remote.location}/1")
        assert add_version(remote, SPEC, tmp_path).version == 1

    def test_two_who_want_one_number_get_two(self, local: Registry, tmp_path: Path) -> None:
        many = 8
        folders = [version_files(tmp_path / f"by-{i}", owner=b"%d" % i) for i in range(many)]
        start, got = threading.Barrier(many), dict[int, int]()

        def adder(i: int) -> None:
            start.wait(30)
            got[i] = local.add(folders[i], manifest(SPEC, 1, job_id=f"j{i}")).version

        threads = [threading.Thread(target=adder, args=(i,)) for i in range(many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(got.values()) == list(range(1, many + 1))
        assert local.versions() == list(range(1, many + 1))
        for i, version in got.items():
            stored = local.manifest(version)
            assert (stored.version, stored.job_id) == (version, f"j{i}")
            assert (Path(local.location) / str(version) / "owner").read_bytes() == b"%d" % i
        assert self.left_behind(local) == [str(v) for v in range(1, many + 1)]


class TestChampion:
    def test_the_sequence_counts_changes(self, registry: Registry, tmp_path: Path) -> None:
        for version in (1, 2):
            add_version(registry, SPEC, tmp_path, version)
        events = [
            registry.set_champion(1, PROMOTED, now_ms=NOW),
            registry.set_champion(2, PROMOTED, now_ms=NOW + 1, job_id="j", reasons=("better",), metrics={"a": 0.5}),
            registry.set_champion(1, ModelEventKind.ROLLED_BACK, now_ms=NOW + 2),
        ]
        assert [(e.version, e.previous_version, e.sequence) for e in events] == [(1, None, 1), (2, 1, 2), (1, 2, 3)]
        assert [e.at for e in events] == [NOW, NOW + 1, NOW + 2]
        assert len({e.event_id for e in events}) == 3
        assert {e.key for e in events} == {b"champion"}
        assert (events[1].reasons, events[1].metrics, events[1].job_id) == (["better"], {"a": 0.5}, "j")
        champion = registry.champion()
        assert champion is not None
        assert (champion.version, champion.previous_version, champion.sequence) == (1, 2, 3)
        assert champion.event_id == events[2].event_id

    def test_asked_twice_for_one_job_it_changes_once(self, registry: Registry, tmp_path: Path) -> None:
        for version in (1, 2):
            add_version(registry, SPEC, tmp_path, version)
        registry.set_champion(1, PROMOTED, now_ms=NOW)
        first = registry.set_champion(2, PROMOTED, now_ms=NOW + 1, job_id="j")
        again = registry.set_champion(2, PROMOTED, now_ms=NOW + 99, job_id="j")
        assert again == first
        champion = registry.champion()
        assert champion is not None
        assert champion.sequence == 2

    def test_a_version_that_does_not_exist_is_refused_and_the_champion_stays(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        add_version(registry, SPEC, tmp_path)
        registry.set_champion(1, PROMOTED)
        before = registry.champion()
        with pytest.raises(RegistryError, match="version 4 does not exist"):
            registry.set_champion(4, PROMOTED)
        assert registry.champion() == before

    def test_a_write_that_fails_leaves_the_old_champion(
        self, local: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for version in (1, 2):
            add_version(local, SPEC, tmp_path, version)
        local.set_champion(1, PROMOTED)
        before = local.champion()

        def refuse(self: Path, target: object) -> Path:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(RegistryError, match=r"champion\.json cannot be written"):
            local.set_champion(2, PROMOTED)
        assert local.champion() == before


class TestPrune:
    def test_the_oldest_go_and_the_champion_and_the_one_before_stay(self, registry: Registry, tmp_path: Path) -> None:
        for version in range(1, 7):
            add_version(registry, SPEC, tmp_path, version)
        registry.set_champion(1, PROMOTED)
        registry.set_champion(3, PROMOTED)
        assert registry.prune(2) == [2, 4]
        assert registry.versions() == [1, 3, 5, 6]
        assert registry.prune(2) == []

    def test_fewer_than_are_kept(self, registry: Registry, tmp_path: Path) -> None:
        add_version(registry, SPEC, tmp_path)
        assert registry.prune(20) == []

    def test_a_number_is_not_given_again_to_another_model(self, registry: Registry, tmp_path: Path) -> None:
        for version in range(1, 5):
            add_version(registry, SPEC, tmp_path, version)
        registry.prune(2)
        assert registry.next_version() == 5

    def test_what_cannot_be_removed_is_said(
        self, local: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for version in (1, 2, 3):
            add_version(local, SPEC, tmp_path, version)

        def refuse(*args: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(RegistryError, match="version 1 cannot be removed"):
            local.prune(2)


class TestDamage:
    @pytest.mark.parametrize(
        "content", [b"", b"{", b"null", b'{"version": "x"}', b"\xff\xfe", b'{"version": 1, "sequence": "many"}']
    )
    def test_a_damaged_file_is_named_and_no_traceback_of_a_library(
        self, registry: Registry, tmp_path: Path, content: bytes
    ) -> None:
        add_version(registry, SPEC, tmp_path, job_id="j")
        registry.set_champion(1, PROMOTED)
        for name, ask in (
            ("champion.json", registry.champion),
            ("1/reference.json", lambda: registry.reference(1)),
            ("1/manifest.json", lambda: registry.manifest(1)),
        ):
            overwrite(registry, name, content)
            with pytest.raises(RegistryError) as caught:
                ask()
            said = str(caught.value)
            assert said.startswith(f"registry {registry.location}: {name} is damaged")
            assert "pydantic" not in said
            assert "\n" not in said

    def test_a_job_is_not_taken_for_new_where_a_manifest_cannot_be_read(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        add_version(registry, SPEC, tmp_path, job_id="j")
        overwrite(registry, "1/manifest.json", b"{")
        with pytest.raises(RegistryError, match="damaged"):
            registry.by_job("j")


class TestOpening:
    def test_a_relative_path_counts_from_the_specifications_folder(self, tmp_path: Path) -> None:
        assert open_registry("models", "s", base=tmp_path).location == str(tmp_path / "models" / "s")
        assert open_registry(str(tmp_path / "m"), "s", base=tmp_path / "x").location == str(tmp_path / "m" / "s")

    def test_a_url_is_taken_as_it_stands(self, tmp_path: Path) -> None:
        assert open_registry("memory://m", "s", base=tmp_path).location.endswith("m/s")
        assert open_registry(f"file://{tmp_path}/m", "s").location == str(tmp_path / "m" / "s")

    def test_an_empty_one_is_refused(self) -> None:
        with pytest.raises(UsageError, match="registry: read an empty string; expected a folder or a URL"):
            open_registry("  ", "s")
