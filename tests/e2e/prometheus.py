"""A real Prometheus and a real Alertmanager beside a running stream, with the files that are deployed."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from driftline.broker.guard import guarded
from tests.parts import program

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 60.0


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of an expression. Raises AssertionError with the server's complaint."""
        asked = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=10) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {json.load(error)}") from None
        return found

    def range(self, expression: str, seconds: int, step: int = 2) -> list[dict[str, Any]]:
        """The series of an expression over the last `seconds`."""
        now = time.time()
        asked = urllib.parse.urlencode({"query": expression, "start": now - seconds, "end": now, "step": step})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{asked}", timeout=10) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {json.load(error)}") from None
        return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{url}: {log.read_text()[-2_000:]}") from None
            time.sleep(0.1)


@contextmanager
def alertmanager(folder: Path, webhook: str, token: str) -> Iterator[str]:
    """Its address; the deployed configuration, but for the receiver's address and token and for waiting less."""
    binary = program("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")
    (folder / "token").write_text(token)
    text = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    text = text.replace("http://alerts:9110/alerts", webhook)
    text = text.replace("/run/secrets/alerts-token", str(folder / "token"))
    (folder / "alertmanager.yml").write_text(text.replace("group_interval: 1m", "group_interval: 2s"))
    address, log = f"127.0.0.1:{free_port()}", folder / "alertmanager.log"
    command = [
        binary, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    with log.open("wb") as out, subprocess.Popen(guarded(command), stdout=out, stderr=out) as process:
        try:
            _up(f"http://{address}/-/ready", process, log)
            yield address
        finally:
            process.kill()


@contextmanager
def prometheus(
    folder: Path, stream: str, services: Mapping[str, str], alertmanager: str, wait: str
) -> Iterator[Prometheus]:
    """The server, with the deployed configuration and rules, pointed at `services` (service → its address).

    `wait` takes the place of the minute that a drift must stand before its alert fires.
    """
    binary = program("prometheus", package="prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [
        {"targets": [address], "labels": {"stream": stream, "service": service}}
        for service, address in services.items()
    ]
    config["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [alertmanager]}]
    rules = (DEPLOY / "prometheus" / "rules.yml").read_text()
    assert "for: 1m" in rules
    rules = rules.replace("interval: 15s", "interval: 1s").replace("for: 1m", f"for: {wait}")
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address, log = f"127.0.0.1:{free_port()}", folder / "prometheus.log"
    command = [
        binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]  # fmt: skip
    with log.open("wb") as out, subprocess.Popen(guarded(command), stdout=out, stderr=out) as process:
        try:
            _up(f"http://{address}/-/ready", process, log)
            yield Prometheus(f"http://{address}")
        finally:
            process.kill()
