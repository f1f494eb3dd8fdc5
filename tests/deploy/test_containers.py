"""The container files, as far as they can be held to their promises without Docker."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftline.kafka.credentials import read_secret_file
from driftline.spec import load_spec
from monitoring.console.service import named_services
from monitoring.doors.tokens import SHORTEST
from producers.fleet.plan import parse_fleet
from tests.docs.pages import ROOT, driftline_commands, parse

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("driftline")]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def command_line(service: dict[str, Any]) -> str:
    """What the service runs, as one shell line."""
    command = service["command"]
    if isinstance(command, str):
        return command
    return command[2] if command[:2] == ["sh", "-c"] else shlex.join(command)


@pytest.mark.parametrize("name", SERVICES)
class TestEveryService:
    def test_its_image_is_pinned(self, name: str) -> None:
        tag = SERVICES[name]["image"].partition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)

    def test_it_has_no_privileges_and_is_not_root(self, name: str) -> None:
        service = SERVICES[name]
        assert service["user"].split(":")[0] not in ("0", "root", "")
        assert not service.get("privileged", False)
        assert "cap_add" not in service and service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service.get("network_mode") is None and service.get("pid") is None

    def test_its_ports_are_on_this_machine_only(self, name: str) -> None:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))

    def test_it_is_limited(self, name: str) -> None:
        assert {"cpus", "memory", "pids"} <= set(SERVICES[name]["deploy"]["resources"]["limits"])
        assert SERVICES[name]["logging"]["options"]["max-size"]

    def test_its_mounts_exist(self, name: str) -> None:
        for volume in SERVICES[name].get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).is_file(), source
                assert volume.endswith(":ro")
            else:
                assert source in COMPOSE["volumes"]

    def test_it_waits_for_services_that_exist(self, name: str) -> None:
        for other, wait in SERVICES[name].get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
            else:
                assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("name", OURS)
class TestOurServices:
    def test_the_command_parses(self, name: str) -> None:
        # The one that makes the token runs no command of ours, and has a test of its own.
        for arguments in driftline_commands(command_line(SERVICES[name])):
            parse(arguments)

    def test_its_file_system_is_read_only(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert {mount.split(":")[0] for mount in service["tmpfs"]} == {"/tmp", "/stream/.driftline"}

    def test_only_those_that_write_models_may(self, name: str) -> None:
        writable = any(volume == "models:/models" for volume in SERVICES[name]["volumes"])
        assert writable == (name in ("first-model", "trainer"))

    def test_its_image_is_one_that_the_dockerfile_builds(self, name: str) -> None:
        build = SERVICES[name]["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()
        assert re.search(rf"^FROM \S+ AS {build['target']}$", DOCKERFILE, re.MULTILINE)
        trains = name in ("first-model", "trainer")
        assert build["target"] == ("train" if trains else "serve")


class TestTheServicesTogether:
    def test_health_is_asked_where_the_service_answers(self) -> None:
        for name in ("consumer", "monitor", "trainer", "notifier"):
            service = SERVICES[name]
            (arguments,) = driftline_commands(command_line(service))
            asked = parse(arguments)
            assert asked["host"] == "0.0.0.0" and asked["port"] == 9100
            assert f"http://127.0.0.1:{asked['port']}/readyz" in service["healthcheck"]["test"][-1]
            compile(service["healthcheck"]["test"][-1], "healthcheck", "exec")

    def test_instances_are_different(self) -> None:
        names = [
            parse(next(driftline_commands(command_line(SERVICES[name]))))["instance"]
            for name in OURS
            if "run" in command_line(SERVICES[name])
        ]
        assert len(set(names)) == len(names) == 6

    def test_prometheus_scrapes_the_services_there_are(self) -> None:
        config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
        targets = [
            target for job in config["scrape_configs"] for group in job["static_configs"] for target in group["targets"]
        ]
        assert targets == [
            *(f"{name}:9100" for name in ("consumer", "monitor", "trainer")),
            *("alerts:9110", "notifier:9100"),
        ]
        asked = parse(next(driftline_commands(command_line(SERVICES["alerts"]))))
        assert (asked["host"], asked["port"]) == ("0.0.0.0", 9110)

    def test_the_console_is_told_of_services_where_prometheus_scrapes_them(self) -> None:
        named = named_services(SERVICES["console"]["environment"]["DRIFTLINE_CONSOLE_SERVICES"].split())
        config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
        scraped = {
            group["labels"]["service"]: f"http://{target}"
            for job in config["scrape_configs"]
            for group in job["static_configs"]
            for target in group["targets"]
        }
        assert named.items() <= scraped.items()
        assert named.keys() >= {"consumer", "monitor", "trainer"}

    def test_alertmanager_and_the_receiver_know_one_secret_which_is_in_no_file_here(self) -> None:
        spec = load_spec(ROOT / "deploy" / "stream.yaml", {})
        config = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
        (hook,) = next(one for one in config["receivers"] if one["name"] == "driftline")["webhook_configs"]
        assert hook["url"] == "http://alerts:9110/alerts"
        assert hook["http_config"]["authorization"]["credentials_file"] == spec.alerts.token_file
        assert spec.alerts.token_file == "/run/secrets/alerts-token"
        for name in ("alerts", "alertmanager"):
            assert "secrets:/run/secrets:ro" in SERVICES[name]["volumes"]
            assert SERVICES[name]["depends_on"]["alerts-token"]["condition"] == "service_completed_successfully"
        assert [name for name in SERVICES if "secrets:/secrets" in SERVICES[name].get("volumes", [])] == [
            "alerts-token"
        ]

    def test_the_secret_is_made_once_and_long_enough(self, tmp_path: Path) -> None:
        line = (
            SERVICES["alerts-token"]["command"][2]
            .replace("/secrets", str(tmp_path))
            .replace("python ", f"{sys.executable} ")
        )
        for _ in range(2):
            subprocess.run(["sh", "-c", line], check=True)
            made = {read_secret_file("token_file", str(tmp_path / "alerts-token"))}
        assert len(made) == 1 and all(len(token) >= SHORTEST for token in made)

    def test_grafana_shows_every_dashboard_from_the_prometheus_there_is(self) -> None:
        folder = ROOT / "deploy" / "grafana"
        mounted = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"] if volume.startswith("./")}
        for path in (folder / "dashboards").glob("*.json"):
            assert f"/etc/grafana/dashboards/{path.name}" in mounted
        provider = yaml.safe_load((folder / "provisioning" / "dashboards" / "driftline.yml").read_text())["providers"][
            0
        ]
        assert provider["options"]["path"] == "/etc/grafana/dashboards"
        source = yaml.safe_load((folder / "provisioning" / "datasources" / "driftline.yml").read_text())["datasources"][
            0
        ]
        assert source["url"] == "http://prometheus:9090"
        used = re.findall(r'"uid": "(driftline-prom\w+)"', (folder / "dashboards" / "stream.json").read_text())
        assert set(used) == {source["uid"]}


class TestTheStream:
    def test_it_is_on_apache_kafka_and_the_fleet_fits_it(self) -> None:
        spec = load_spec(ROOT / "deploy" / "stream.yaml", {})
        assert spec.kafka.bootstrap == "kafka:9092" and "INTERNAL://kafka:9092" in str(SERVICES["kafka"]["environment"])
        assert spec.registry == "/models"
        parse_fleet(yaml.safe_load((ROOT / "deploy" / "fleet.yaml").read_text())).check(spec)

    def test_the_first_model_is_looked_for_where_it_will_be(self) -> None:
        assert f"/models/{load_spec(ROOT / 'deploy' / 'stream.yaml', {}).stream}/champion.json" in command_line(
            SERVICES["first-model"]
        )


class TestTheDockerfile:
    def test_its_base_is_pinned_and_its_user_is_not_root(self) -> None:
        bases = set(re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE))
        assert len(bases) == 1
        assert re.fullmatch(r"python:3\.1[123]\.\d+-slim-\w+", bases.pop())
        assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]

    def test_everything_it_copies_is_there_and_not_ignored(self) -> None:
        ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignore
