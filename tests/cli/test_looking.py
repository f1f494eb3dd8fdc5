"""`doctor`, `status` and `spec` look, say what they see, and change nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter

from driftline.cli import doctor
from driftline.service.health import Health, HealthServer
from driftline.spec import dump_spec, parse_spec
from driftline.workspace import Workspace
from tests.cli.conftest import Run
from tests.service.scripted import HandClock


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


class TestDoctor:
    def findings(self, path: Path) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for finding in json.loads(path.read_text())["findings"]:
            found.setdefault(finding["what"], []).append(f"{finding['kind']}: {finding['found']}")
        return found

    def test_without_a_specification_it_looks_at_the_machine(self, cli: Run, tmp_path: Path) -> None:
        said = cli("doctor", "--report", "r.json")
        assert said.code == 0
        assert "everything needed is here" in said.out
        found = self.findings(tmp_path / "r.json")
        assert found["python"][0].startswith("ok: 3.")
        assert found["stream"] == ["note: no stream.yaml here: `driftline init DATA.csv` writes one"]
        assert found["kafka-python"][0].startswith("ok: ")
        assert not (tmp_path / ".driftline").exists()

    def test_with_one_at_the_stream_too(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        assert cli("doctor", "--report", "r.json").code == 0
        found = self.findings(tmp_path / "r.json")
        assert found["stream.yaml"] == ["ok: stream pumps, multiclass, 3 classes, 3 features"]
        assert found["registry"] == [f"ok: {versions.registry.location}: 3 versions, version 2 in service"]
        assert found["kafka"][-1] == "note: the embedded broker is not running: `driftline up` starts it"

    def test_a_broker_that_crashed_is_one_that_is_not_running(
        self, cli: Run, stream: Workspace, gone: int, tmp_path: Path
    ) -> None:
        stream.write_note("broker", {"pid": gone, "bootstrap": "127.0.0.1:1"})
        assert cli("doctor", "--report", "r.json").code == 0
        assert "not running" in self.findings(tmp_path / "r.json")["kafka"][-1]

    def test_a_broken_specification_is_a_problem(self, cli: Run, stream: Workspace) -> None:
        stream.path.write_text("stream: pumps\n")
        said = cli("doctor")
        assert said.code == 1
        assert "classes: required, and not there" in said.out
        assert "1 problem" in said.out
        assert "Traceback" not in said.out + said.err

    def test_so_is_a_model_for_other_features(self, cli: Run, versions: Workspace, tmp_path: Path) -> None:
        document = yaml.safe_load(versions.path.read_text())
        document["features"].pop()
        versions.path.write_text(dump_spec(parse_spec(document)))
        assert cli("doctor", "--report", "r.json").code == 1
        assert self.findings(tmp_path / "r.json")["registry"][0].endswith(
            "built for another specification: train again"
        )

    def test_so_is_a_missing_library_with_what_to_install(
        self, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
        assert cli("doctor", "--report", "r.json").code == 1
        found = self.findings(tmp_path / "r.json")
        assert found["crc32c"][0].startswith("problem: not installed")
        assert found["tensorflow"][0].startswith("note: not installed")
        assert "driftline[train]" in found["tensorflow"][0]


class TestStatus:
    def test_with_nothing_running(self, cli: Run, stream: Workspace, tmp_path: Path) -> None:
        said = cli("status", "--report", "r.json")
        assert said.code == 0
        assert "stream pumps · version in service: none yet · Kafka: embedded" in said.out
        assert "no services of this stream are running here: `driftline up` starts them" in said.out
        assert json.loads((tmp_path / "r.json").read_text()) == {"stream": "pumps", "champion": None, "services": {}}
        assert not (tmp_path / ".driftline").exists(), "looking leaves nothing behind"

    def test_what_crashed_is_not_shown_as_running(self, cli: Run, versions: Workspace, gone: int) -> None:
        versions.write_note("broker", {"pid": gone, "bootstrap": "127.0.0.1:7"})
        versions.write_note("service-consumer-0", {"pid": gone, "url": "http://127.0.0.1:9"})
        out = cli("status").out
        assert "version in service: 2 · Kafka: embedded" in out
        assert "127.0.0.1:7" not in out
        assert "no services" in out

    def test_a_service_is_asked_itself(self, cli: Run, stream: Workspace, tmp_path: Path) -> None:
        registry = CollectorRegistry()
        Counter("driftline_records_read", "Records.", ["topic"], registry=registry).labels("t").inc(1234)
        health = Health(HandClock(), last_round=1_000.0, joined=True, detail=lambda: {"version": 5})
        server = HealthServer(health, registry, "127.0.0.1", 0)
        try:
            stream.write_note("service-consumer-0", {"pid": os.getpid(), "url": f"http://127.0.0.1:{server.port}"})
            said = cli("status", "--report", "r.json")
        finally:
            server.close()
        assert "1,234" in said.out
        services = json.loads((tmp_path / "r.json").read_text())["services"]
        assert services == {"consumer-0": {"ready": True, "message": "ready", "version": 5}}

    def test_a_note_that_is_no_note_is_passed_over(self, cli: Run, stream: Workspace) -> None:
        (stream.state / "service-consumer-0.json").write_text("{half")
        assert "no services" in cli("status").out


class TestSpec:
    def test_defaults_and_overrides_are_filled_in(
        self, cli: Run, stream: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DRIFTLINE_SERVING__BATCH_SIZE", "33")
        said = cli("spec")
        shown = yaml.safe_load(said.out)
        assert shown["serving"]["batch_size"] == 33
        assert shown["kafka"]["partitions"] == 4
        assert parse_spec(shown).model_hash == stream.spec.model_hash

    def test_the_file_can_be_named_by_the_environment(
        self, cli: Run, stream: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stream.path.rename(tmp_path / "other.yaml")
        monkeypatch.setenv("DRIFTLINE_SPEC", "other.yaml")
        assert yaml.safe_load(cli("spec").out)["stream"] == "pumps"

    def test_a_password_is_never_shown(self, cli: Run, stream: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DRIFTLINE_KAFKA__SASL_PASSWORD", "hunter2")
        assert "hunter2" not in cli("spec").out
