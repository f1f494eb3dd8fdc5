"""What the command line shows of a secured stream: its rights and its topics, and never a secret."""

import pytest
from typer.main import get_command

from driftline.cli.app import app
from driftline.workspace import Workspace
from tests.cli.conftest import Run

SECRET = "hunter2-hunter2"


class TestAcls:
    def test_each_service_gets_a_principal_of_its_own(self, cli: Run, stream: Workspace) -> None:
        said = cli("acls")
        assert said.code == 0
        lines = said.out.splitlines()
        assert [line for line in lines if line.startswith("#")] == [
            "# producer",
            "# consumer",
            "# monitor",
            "# trainer",
            "# alerts",
            "# notifier",
            "# console",
            "# operator",
        ]
        assert all("--allow-principal User:pumps-" in line for line in lines if not line.startswith("#"))

    def test_one_service_for_a_given_principal(self, cli: Run, stream: Workspace) -> None:
        said = cli("acls", "producer", "--principal", "User:CN=plant 7")
        assert said.out == (
            "# producer\n"
            "kafka-acls.sh --bootstrap-server localhost:9092 --command-config admin.properties --add "
            "--allow-principal 'User:CN=plant 7' --operation Write --topic pumps.features --topic pumps.labels\n"
        )

    def test_a_service_that_does_not_exist_is_refused(self, cli: Run, stream: Workspace) -> None:
        assert cli("acls", "broker").refusal() == (
            "service: read 'broker'; allowed: producer, consumer, monitor, trainer, alerts, notifier, console, operator"
        )

    def test_a_principal_without_its_type_is_refused(self, cli: Run, stream: Workspace) -> None:
        assert cli("acls", "--principal", "pumps").refusal() == (
            "--principal: read 'pumps'; expected TYPE:NAME, such as User:pumps"
        )


class TestTopics:
    def test_without_a_broker_one_line_says_so(self, cli: Run, stream: Workspace) -> None:
        assert cli("topics").refusal().startswith("kafka.bootstrap is 'embedded' and no embedded broker is running")


class TestNoSecretIsShown:
    @pytest.mark.parametrize("command", [["spec"], ["doctor"], ["acls"], ["topics"], ["status"]])
    def test_by_a_command(
        self, cli: Run, stream: Workspace, monkeypatch: pytest.MonkeyPatch, command: list[str]
    ) -> None:
        monkeypatch.setattr("driftline.kafka.kafka_python.connecting.BOOTSTRAP_TIMEOUT_MS", 200)
        for name, value in {
            "BOOTSTRAP": "127.0.0.1:1",
            "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "SASL_MECHANISM": "SCRAM-SHA-512",
            "SASL_USERNAME": "alice",
            "SASL_PASSWORD": SECRET,
            "SSL_KEY_PASSWORD": SECRET,
            "OAUTH__CLIENT_SECRET": SECRET,
        }.items():
            monkeypatch.setenv(f"DRIFTLINE_KAFKA__{name}", value)
        said = cli(*command)
        assert SECRET not in said.out + said.err
        assert "Traceback" not in said.out + said.err

    def test_no_option_takes_one(self) -> None:
        def options(command: object) -> set[str]:
            own = {name for parameter in command.params for name in parameter.opts}  # type: ignore[attr-defined]
            return own.union(*(options(one) for one in getattr(command, "commands", {}).values()))

        found = options(get_command(app))
        assert "--spec" in found
        # A file that holds one is another matter: it stands in no list of processes.
        shown = [name for name in sorted(found) if not name.endswith("-file")]
        assert [name for name in shown if "pass" in name or "secret" in name or "token" in name] == []
