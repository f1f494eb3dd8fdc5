"""The rooms are as docs/architecture.md draws them: who may import whom, and what a pure core may not touch."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("producers", "consumers", "monitoring", "training")
PACKAGES = ("driftline", *ROOMS)

# Files that are a room's shell: they may meet Kafka clients, clocks, threads, processes and files. All else is core.
SHELLS = {
    "producers": {"run.py", "clock.py"},
    "consumers": {"metrics.py", "service.py"},
    "monitoring": {
        "acts.py", "app.py", "courier.py", "metrics.py", "reading.py", "secrets.py", "service.py", "serving.py",
    },
    "training": {
        "attempt.py", "child.py", "export.py", "gather.py", "initial.py", "job.py", "latency.py", "npz.py", "onnx.py",
        "runtime.py", "service.py", "train.py", "tune.py", "worker.py",
    },
}  # fmt: skip
# The Kafka client itself, clocks, threads, processes, sockets. The interface's columns (Batch, Outgoing) are no client.
FORBIDDEN_IN_CORES = {
    "kafka", "confluent_kafka", "time", "threading", "subprocess", "socket", "asyncio", "multiprocessing", "signal",
    "driftline.kafka.connect", "driftline.kafka.kafka_python", "driftline.service.runtime", "driftline.service.loop",
    "driftline.service.follower", "driftline.service.health", "driftline.workspace", "prometheus_client",
}  # fmt: skip


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path, *, lazy: bool = True) -> Iterator[str]:
    """Modules that a file imports; without `lazy`, only those imported when the file is."""
    tree = ast.parse(path.read_text())
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not lazy and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(module: str) -> str:
    return module.split(".")[0]


class TestRooms:
    @pytest.mark.parametrize("room", ROOMS)
    def test_no_room_imports_a_sister(self, room: str) -> None:
        sisters = set(ROOMS) - {room}
        found = [(p.relative_to(ROOT), m) for p in files(room) for m in imports(p) if top(m) in sisters]
        assert found == []

    def test_the_language_imports_no_room_but_the_front_door_lazily(self) -> None:
        for path in files("driftline"):
            at_import = [m for m in imports(path, lazy=False) if top(m) in ROOMS]
            anywhere = [m for m in imports(path) if top(m) in ROOMS]
            assert at_import == [], path
            assert anywhere == [] or path.parent.name == "cli", path

    @pytest.mark.parametrize("package", PACKAGES)
    def test_nothing_imports_the_tests_or_unpickles(self, package: str) -> None:
        for path in files(package):
            assert not {"tests", "pickle", "dill", "cloudpickle", "joblib"} & {top(m) for m in imports(path)}, path
            assert "allow_pickle=True" not in path.read_text(), path

    def test_there_is_no_helpers_drawer(self) -> None:
        names = {path.stem for package in PACKAGES for path in files(package)}
        assert not names & {"utils", "util", "helpers", "helper", "misc", "common"}


class TestCores:
    @pytest.mark.parametrize("room", ROOMS)
    def test_a_core_touches_no_kafka_no_clock_no_thread(self, room: str) -> None:
        found = [
            (str(path.relative_to(ROOT)), module)
            for path in files(room)
            if path.name not in SHELLS[room]
            for module in imports(path)
            if any(module == bad or module.startswith(f"{bad}.") for bad in FORBIDDEN_IN_CORES)
        ]
        assert found == []

    @pytest.mark.parametrize("room", ROOMS)
    def test_every_named_shell_exists(self, room: str) -> None:
        assert {path.name for path in files(room)} >= SHELLS[room]

    def test_serving_needs_no_tensorflow_at_import(self) -> None:
        for package in ("driftline", "consumers", "monitoring", "producers"):
            for path in files(package):
                heavy = {"tensorflow", "keras"} & {top(m) for m in imports(path, lazy=False)}
                assert not heavy, path


class TestThePicture:
    def test_the_arrows_drawn_are_the_imports_found(self) -> None:
        text = (ROOT / "docs" / "architecture.md").read_text()
        drawn = set(re.findall(r"^\s*(\w+) --> (\w+)\b", text, re.MULTILINE))
        found = {
            (package, top(module))
            for package in PACKAGES
            for path in files(package)
            for module in imports(path, lazy=False)
            if top(module) in PACKAGES and top(module) != package
        }
        lazy = {
            ("driftline", top(module))
            for path in files("driftline")
            for module in imports(path)
            if top(module) in ROOMS
        }
        dashed = set(re.findall(r"^\s*(\w+) -\.->(?:\|[^|]*\|)? (\w+)\b", text, re.MULTILINE))
        assert found == drawn
        assert lazy == dashed

    def test_the_way_of_a_record_names_files_that_exist(self) -> None:
        text = (ROOT / "docs" / "architecture.md").read_text()
        named = set(re.findall(r"`((?:driftline|producers|consumers|monitoring|training)/[\w/]+\.py)`", text))
        assert len(named) >= 15
        assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
