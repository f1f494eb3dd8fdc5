"""Several writers, killed ones among them: the champion's sequence never falls, and nothing is half written."""

import contextlib
import multiprocessing
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import fsspec
import pytest

from driftline.records import ModelEventKind
from driftline.registry import ChampionChanged, Registry, RegistryError, Unwritable
from driftline.registry.lock import write_lock
from tests.registry import writers
from tests.registry.made import FILES, add_version
from tests.registry.writers import SPEC

PROMOTED = ModelEventKind.PROMOTED
SAFETY = 60.0
KILLS = 40
# A server that has imported everything once, from which a writer is forked in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.registry.writers"])


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(str(tmp_path / "models"), SPEC.stream)
    add_version(made, SPEC, tmp_path)
    made.set_champion(1, PROMOTED)
    return made


def start(work: Callable[..., None], *arguments: object) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    here, there = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=work, args=(*arguments, there), daemon=True)
    process.start()
    there.close()
    return process, here


def heard(said: Connection) -> list[int]:
    """All that a writer has told, to the end of its pipe or of what is there."""
    found = []
    with contextlib.suppress(EOFError):
        while said.poll(0):
            found.append(said.recv())
    return found


def temporary(registry: Registry) -> list[str]:
    return [name for name in os.listdir(registry.location) if name.startswith(".") and name != ".lock"]


class TestKilledAtAnyMoment:
    def test_the_sequence_never_falls_and_no_change_is_forgotten(self, registry: Registry, tmp_path: Path) -> None:
        chance = random.Random(3)
        root = str(tmp_path / "models")
        newest, told = 1, 1
        for _ in range(KILLS):
            process, said = start(writers.promote_for_ever, root)
            assert said.poll(SAFETY)
            # moments are spread over several changes, which take some milliseconds each
            until = time.monotonic() + chance.uniform(0.0, 0.02)
            while time.monotonic() < until:
                champion = registry.champion()
                assert champion is not None
                assert champion.sequence >= newest
                newest = champion.sequence
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join(SAFETY)
            told = max([told, *heard(said)])
            champion = registry.champion()
            assert champion is not None
            assert champion.sequence >= max(newest, told), "a change that was told is there"
            newest = champion.sequence
        registry.set_champion(1, PROMOTED)
        assert [champion.sequence for champion in registry.history()] == list(range(1, newest + 2))
        assert temporary(registry) == []
        assert newest > KILLS

    def test_a_version_is_there_whole_or_not_at_all(self, registry: Registry, tmp_path: Path) -> None:
        chance = random.Random(5)
        root = str(tmp_path / "models")
        told = 1
        for kill in range(KILLS // 2):
            process, said = start(writers.store_for_ever, root, str(tmp_path / f"scratch-{kill}"))
            assert said.poll(SAFETY)
            time.sleep(chance.uniform(0.0, 0.03))  # the moment of the kill
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join(SAFETY)
            told = max([told, *heard(said)])
            assert registry.versions()[-1] >= told
            for version in registry.versions():
                with registry.local_copy(version) as folder:  # its checksums hold
                    assert {path.name for path in folder.iterdir()} >= {"manifest.json", "model.tflite"}
        registry.prune(2)
        assert temporary(registry) == []
        names = [int(name) for name in os.listdir(registry.location) if name.isdigit()]
        assert sorted(names) == registry.versions()

    def test_the_lock_dies_with_its_holder(self, registry: Registry) -> None:
        lock = Path(registry.location) / ".lock"
        process, said = start(writers.hold, str(lock.parents[1]))
        assert said.poll(SAFETY)
        with pytest.raises(BlockingIOError, match=f"pid {process.pid} on "), write_lock(lock, patience=0.05):
            pass
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(SAFETY)
        with write_lock(lock, patience=0.05) as held:
            assert held

    def test_a_line_that_was_not_finished_is_passed_over_and_written_again(self, registry: Registry) -> None:
        lines = Path(registry.location) / "champions.jsonl"
        registry.set_champion(1, PROMOTED)
        whole = lines.read_bytes()
        lines.write_bytes(whole[:-20])
        assert [champion.sequence for champion in registry.history()] == [1, 2]
        registry.set_champion(1, PROMOTED)
        assert [champion.sequence for champion in registry.history()] == [1, 2, 3]
        assert len(lines.read_bytes().splitlines()) == 4


class TestAtTheSameTime:
    def test_writers_in_several_processes_get_a_number_each(self, registry: Registry, tmp_path: Path) -> None:
        root, times = str(tmp_path / "models"), 15
        work = [start(writers.promote, root, times) for _ in range(3)]
        work += [start(writers.store, root, str(tmp_path / f"scratch-{i}"), 5) for i in range(2)]
        told = []
        for process, said in work:
            found = []
            with contextlib.suppress(EOFError):
                while said.poll(SAFETY):
                    found.append(said.recv())
            process.join(SAFETY)
            assert process.exitcode == 0
            assert found == sorted(found)
            told.append(found)
        assert sorted(number for found in told[:3] for number in found) == list(range(2, 2 + 3 * times))
        assert sorted(number for found in told[3:] for number in found) == list(range(2, 12))
        assert [champion.sequence for champion in registry.history()] == list(range(1, 2 + 3 * times))
        assert temporary(registry) == []

    def test_in_an_object_store_too(self, tmp_path: Path) -> None:
        root = f"memory://{uuid.uuid4().hex}"
        registry = Registry(root, SPEC.stream)
        add_version(registry, SPEC, tmp_path)
        got: list[int] = []
        barrier = threading.Barrier(4)

        def change() -> None:
            barrier.wait(SAFETY)
            got.extend(Registry(root, SPEC.stream).set_champion(1, PROMOTED).sequence for _ in range(10))

        threads = [threading.Thread(target=change) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SAFETY)
        assert sorted(got) == list(range(1, 41))
        assert [champion.sequence for champion in registry.history()] == sorted(got)

    def test_a_late_writer_cannot_take_a_change_back_in_an_object_store(self, tmp_path: Path) -> None:
        root = f"memory://{uuid.uuid4().hex}"
        registry = Registry(root, SPEC.stream)
        add_version(registry, SPEC, tmp_path)
        store = fsspec.filesystem("memory")
        registry.set_champion(1, PROMOTED)
        late = store.cat_file(f"{registry.location}/champion.json")
        for _ in range(3):
            registry.set_champion(1, PROMOTED)
        for fate in (lambda: store.pipe_file(f"{registry.location}/champion.json", late),
                     lambda: store.rm_file(f"{registry.location}/champion.json")):  # fmt: skip
            fate()
            champion = registry.champion()
            assert champion is not None
            assert champion.sequence == 4

    def test_what_a_killed_writer_uploaded_is_swept_after_an_hour(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = Registry(f"memory://{uuid.uuid4().hex}", SPEC.stream)
        store = fsspec.filesystem("memory")
        add_version(registry, SPEC, tmp_path)
        for version, age in ((7, 3_700), (8, 60)):
            store.pipe_file(f"{registry.location}/claims/{version}", b'{"at": %f}' % (time.time() - age))
            store.pipe_file(f"{registry.location}/{version}/model.tflite", b"half")
        registry.set_champion(1, PROMOTED)
        assert registry.versions() == [1]
        assert not store.exists(f"{registry.location}/7")
        assert store.exists(f"{registry.location}/8"), "its writer may live"
        assert add_version(registry, SPEC, tmp_path, 7).version == 9, "numbers that were given are not given again"


class TestCompareAndSet:
    def test_a_champion_that_is_not_the_one_expected_is_not_replaced(self, registry: Registry, tmp_path: Path) -> None:
        add_version(registry, SPEC, tmp_path, 2)
        registry.set_champion(2, PROMOTED, job_id="j", expected=1)
        with pytest.raises(ChampionChanged, match="expected change 1, found 2"):
            registry.set_champion(1, PROMOTED, expected=1)
        assert registry.set_champion(2, PROMOTED, job_id="j", expected=1).sequence == 2, "asked again for the same job"

    def test_a_count_that_was_lost_by_hand_goes_on(self, registry: Registry) -> None:
        registry.set_champion(1, PROMOTED)
        (Path(registry.location) / "champion.json").unlink()
        assert registry.champion() is None
        assert registry.set_champion(1, PROMOTED).sequence == 3


class TestWhereThereIsNoLock:
    def test_only_what_is_old_is_swept(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("driftline.registry.lock.fcntl", None)
        base = Path(registry.location)
        for name, age in ((".staging-a", 4_000), (".new-champion.json-b", 10)):
            (base / name).write_text("")
            os.utime(base / name, times=(time.time() - age,) * 2)
        registry.set_champion(1, PROMOTED)
        assert temporary(registry) == [".new-champion.json-b"]

    def test_another_writer_who_does_not_let_go_is_named(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("driftline.registry.lock.write_lock.__wrapped__.__defaults__", (0.05,))
        with write_lock(Path(registry.location) / ".lock"), pytest.raises(Unwritable, match=f"pid {os.getpid()} on "):
            registry.set_champion(1, PROMOTED)
        assert isinstance(Unwritable(""), RegistryError)


class TestDurable:
    def test_champion_and_versions_are_on_the_disk_before_they_are_told(
        self, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The order of system calls is all that can be seen without cutting the power."""
        calls: list[str] = []
        fsync, rename = os.fsync, os.rename

        def name(descriptor: int) -> str:
            return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name.split("-")[0]

        def synced(descriptor: int) -> None:
            calls.append(f"sync {name(descriptor)}")
            fsync(descriptor)

        def renamed(source: Path, target: Path, **options: object) -> None:
            calls.append(f"rename to {Path(target).name}")
            rename(source, target)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "rename", renamed)
        monkeypatch.setattr(os, "replace", renamed)
        add_version(registry, SPEC, tmp_path, 2)
        stored = calls.index("rename to 2")
        files = {Path(file).name for file in FILES} | {"manifest.json", "variables", ".staging"}
        assert {f"sync {file}" for file in files} <= set(calls[:stored])
        assert calls[stored + 1] == f"sync {SPEC.stream}"
        calls.clear()
        registry.set_champion(2, PROMOTED)
        assert calls == [
            "sync .new",
            "rename to champion.json",
            f"sync {SPEC.stream}",
            "sync champions.jsonl",
        ]
