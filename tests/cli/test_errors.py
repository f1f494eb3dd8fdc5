"""What cannot be carried out is said in one message on stderr, with exit code 2 where the caller can mend it."""

import socket
from pathlib import Path

import pytest

from driftline.broker.embedded import EmbeddedBroker
from driftline.cli import app as front
from driftline.kafka.kafka_python import connecting
from driftline.workspace import Workspace
from tests.cli.conftest import Run

DATA = "x0,x1,x2,label\n" + "1,2,3,ok\n4,5,6,worn\n" * 15


@pytest.fixture
def data(cli: Run, tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_text(DATA)
    return path


class TestTheSpecification:
    @pytest.mark.parametrize(
        "command",
        [
            "train data.csv",
            "up",
            "status",
            "spec",
            "models list",
            "models show 1",
            "models promote 1",
            "models rollback",
            "run consumer",
            "run monitor",
            "run trainer",
            "run broker",
            "produce replay data.csv",
            "produce simulate",
        ],
    )
    def test_that_is_not_there(self, cli: Run, data: Path, command: str) -> None:
        said = cli(*command.split())
        assert said.code == 2
        assert said.refusal() == ("stream.yaml: no such file. `driftline init DATA.csv` writes one from a data file.")

    def test_that_is_wrong(self, cli: Run, stream: Workspace) -> None:
        stream.path.write_text(stream.path.read_text() + "sreving: {batch_size: 4}\n")
        said = cli("models", "list")
        assert said.code == 2
        assert said.refusal() == f"{stream.path.name}:\n  sreving: no such field; did you mean serving?"

    def test_that_an_environment_variable_spoils(
        self, cli: Run, stream: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DRIFTLINE_SERVING__BATCH_SIZE", "none")
        said = cli("spec")
        assert said.code == 2
        assert "serving.batch_size: read 'none' (from the environment variable DRIFTLINE_SERVING__BATCH_SIZE)" in (
            said.refusal()
        )


class TestArguments:
    @pytest.mark.parametrize(
        ("command", "message"),
        [
            ("init nope.csv -o new.yaml", "nope.csv: no such file"),
            ("train nope.csv", "nope.csv: no such file"),
            (
                "init data.csv -o new.yaml --label temp",
                "column 'temp': the data has none of this name; its columns: x0, x1, x2, label",
            ),
            ("init data.csv -o new.yaml --name Big", "stream: read 'Big'"),
            ("init data.csv -o stream.yaml", "--out: stream.yaml exists already; --force overwrites it"),
            ("init data.csv -o data.csv/x.yaml", "--out data.csv/x.yaml: cannot be written: File exists"),
            ("train data.csv --stop-row 5", "5 labelled rows of 5"),
            ("models show 9", "version: read 9; versions in "),
            ("models promote 9", "version: read 9; versions in "),
            ("models rollback", "there is no earlier version in service to go back to"),
            (
                "produce replay data.csv --rate fast",
                "rate: read 'fast'; allowed: a number of records a second, or 'max'",
            ),
            ("produce replay data.csv --rate 0", "rate: read 0.0; allowed: more than 0"),
            ("produce replay data.csv --rate -3", "rate: read -3.0; allowed: more than 0"),
            ("produce replay data.csv --rate nan", "rate: read "),
            ("produce replay data.csv --label-delay soon", "label delay: read 'soon'; allowed: "),
            ("produce replay data.csv --label-delay -5s", "label delay: read '-5s'; allowed: "),
            ("produce replay data.csv --jitter 2", "jitter: read 2.0; allowed: a share from 0 to 1"),
            ("produce replay data.csv --missing-labels 3", "missing_labels: read 3.0; allowed: a share from 0 to 1"),
            ("produce replay data.csv --devices 0", "devices: read 0; allowed: 1 or more"),
            ("produce simulate nope.yaml", "PLAN nope.yaml: cannot be read: No such file or directory"),
            ("produce simulate data.csv", "PLAN data.csv: expected a mapping of fields, read 'x0,x1,x2,label"),
            ("produce simulate --rate fast", "rate: read 'fast'"),
            ("produce simulate --out rows.csv", "--out: a file has an end; give --records"),
            ("produce simulate --records 9 --out data.csv/r.csv", "--out data.csv/r.csv: cannot be written"),
            ("models list --report data.csv/r.json", "--report data.csv/r.json: cannot be written: File exists"),
            ("models list --report .", "--report .: is a directory; expected a file"),
        ],
    )
    def test_that_cannot_be_used(self, cli: Run, stream: Workspace, data: Path, command: str, message: str) -> None:
        said = cli(*command.split())
        assert said.code == 2
        assert said.refusal().startswith(message)

    @pytest.mark.parametrize(
        "command",
        [
            "init",
            "nonsense",
            "models show x",
            "models promote 0",
            "up --consumers 0",
            "run consumer --metrics-port 70000",
            "train data.csv --start-row -1",
            "status --nonsense",
            "demo --rate 0",
        ],
    )
    def test_that_the_command_line_refuses_itself(self, cli: Run, stream: Workspace, command: str) -> None:
        said = cli(*command.split())
        assert said.code == 2
        assert said.out == ""
        assert said.err.startswith("Usage: ")
        assert "Traceback" not in said.err

    def test_a_report_that_cannot_be_written_is_refused_before_the_work(
        self, cli: Run, stream: Workspace, data: Path
    ) -> None:
        said = cli("train", data, "--report", data / "r.json")
        assert said.code == 2
        assert "--report" in said.refusal()
        assert stream.registry.versions() == []


class TestTheMachine:
    @pytest.mark.parametrize("command", ["produce replay data.csv", "produce simulate", "run consumer"])
    def test_no_broker_is_running(self, cli: Run, stream: Workspace, data: Path, command: str) -> None:
        said = cli(*command.split())
        assert said.code == 1
        assert "no embedded broker is running for stream.yaml; start one with `driftline up`" in said.refusal()

    def test_nobody_listens_where_kafka_should_be(
        self, cli: Run, stream: Workspace, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connecting, "BOOTSTRAP_TIMEOUT_MS", 300)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once, and nobody else's meanwhile
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            monkeypatch.setenv("DRIFTLINE_KAFKA__BOOTSTRAP", address)
            said = cli("produce", "replay", data)
        assert said.code == 1
        assert said.refusal().startswith(f"no Kafka broker answers at {address}")

    def test_a_port_in_use(
        self,
        cli: Run,
        stream: Workspace,
        embedded_broker: EmbeddedBroker,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("DRIFTLINE_KAFKA__BOOTSTRAP", embedded_broker.bootstrap)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            said = cli("run", "consumer", "--metrics-port", port)
        assert said.code == 2
        assert said.err.splitlines()[-1] == (
            f"driftline: --metrics-port: 127.0.0.1:{port} cannot be bound (Address already in use); 0 takes a free port"
        )
        assert "Traceback" not in said.err

    def test_a_library_of_an_extra_is_missing(self, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> None:
            raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

        monkeypatch.setattr(front, "app", missing)
        said = cli("train")
        assert said.code == 1
        assert said.refusal() == "tensorflow is not installed; it comes with pip install 'driftline[train]'"

    def test_a_mistake_of_ours_is_not_hidden(self, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> None:
            raise ModuleNotFoundError("No module named 'driftline.typo'", name="driftline.typo")

        monkeypatch.setattr(front, "app", missing)
        with pytest.raises(ModuleNotFoundError):
            cli("train")
