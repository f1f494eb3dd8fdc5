"""`driftline run console` as its own process on a real broker: what is sent is seen, and an act reaches the topics."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from driftline.broker.embedded import EmbeddedBroker
from driftline.broker.guard import guarded
from driftline.broker.net import free_port
from driftline.errors import UsageError
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Client, Outgoing
from driftline.records.acts import Act
from driftline.service.clock import SystemClock
from driftline.service.health import Health, HealthServer
from monitoring.console.service import named_services
from tests.console.served import SECRET, TOKEN, Served, event, request

PATIENCE = 60.0


class Screen:
    """What a page would know: the newest of each section of the stream of events."""

    def __init__(self, address: str) -> None:
        self._answer = urllib.request.urlopen(f"{address}/api/stream", timeout=PATIENCE)
        self.sections: dict[str, Any] = {}

    def until(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline, name = time.monotonic() + PATIENCE, ""
        while not holds(self.sections):
            assert time.monotonic() < deadline, f"waited for {what}; last: {self.sections.get('head')}"
            line = self._answer.readline().decode()
            assert line, f"the stream ended before {what}"
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                self.sections[name] = json.loads(line[6:])
        return self.sections

    def close(self) -> None:
        self._answer.close()


@contextmanager
def console(served: Served, bootstrap: str, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DRIFTLINE_KAFKA__BOOTSTRAP": bootstrap, "DRIFTLINE_CONSOLE_TOKEN": TOKEN}
    command = [sys.executable, "-m", "driftline", "run", "console", "--spec", str(served.workspace.path)]
    process = subprocess.Popen(guarded([*command, "--port", str(port), *more]), env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while "service-console-0" not in {p.stem for p in served.workspace.state.glob("*.json")}:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        assert process.wait(20) == 0


@pytest.fixture
def client(embedded_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[tuple[Served, Client]]:
    served = Served(tmp_path)
    made = connect(Endpoint(embedded_broker.bootstrap, served.spec.kafka, "test"))
    made.ensure_topics(topic_requests(served.spec))
    yield served, made
    made.close()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A service as one in another container is: it answers, and leaves no note beside the specification."""
    clock, registry = SystemClock(), CollectorRegistry()
    Gauge("driftline_monitor_estimated_accuracy_ratio", "-", registry=registry).set(0.8)
    bounds = Gauge("driftline_monitor_estimated_accuracy_bound_ratio", "-", ["bound"], registry=registry)
    bounds.labels("low").set(0.75)
    bounds.labels("high").set(0.9)
    at_work: dict[str, object] = {"job": "j", "progress": {"stage": "fit"}, "log": [{"at": 1, "text": "fit"}]}
    health = Health(clock, last_round=clock.monotonic(), joined=True, detail=lambda: at_work)
    server = HealthServer(health, registry, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def send(client: Client, topic: str, values: list[bytes | None]) -> None:
    writer = client.writer()
    writer.send(Outgoing(topic, values, [b"d"] * len(values)))
    writer.commit(None, {})
    writer.close()


class TestOnARealBroker:
    def test_records_are_seen_an_act_is_done_and_a_restart_forgets_nothing_that_was_told(
        self, client: tuple[Served, Client], embedded_broker: EmbeddedBroker
    ) -> None:
        served, kafka = client
        bootstrap, port = embedded_broker.bootstrap, free_port()
        seen: list[tuple[str, list[bytes | None]]] = []
        served.feed = lambda topic, values, at=None: seen.append((topic, list(values)))  # type: ignore[method-assign,misc,assignment]
        served.records(60)
        for topic, values in seen:
            send(kafka, topic, values)
        send(kafka, served.spec.topics.drift_events, [event(0).to_json()])
        address = f"http://127.0.0.1:{port}"
        with console(served, bootstrap, port):
            screen = Screen(address)
            found = screen.until("the outcomes", lambda s: s.get("head", {}).get("window") == 60)
            assert found["head"]["totals"]["records"] == 60 and found["head"]["cluster"]["ok"]
            screen.until("the event", lambda s: s.get("events", {}).get("total") == 1)
            screen.until("the registry", lambda s: s.get("registry", {}).get("champion") == 2)
            send(kafka, served.spec.topics.drift_events, [event(1).to_json()])
            screen.until("news without asking", lambda s: s["events"]["total"] == 2)
            status, said, _ = request(f"{address}/api/acts", {"act": "acknowledge", "subject": "e1"}, SECRET)
            assert status == 200, said
            screen.until(
                "the act", lambda s: bool(s.get("acts", {}).get("acts")) and s["acts"]["acts"][0]["result"] == "done"
            )
            status, said, _ = request(f"{address}/api/acts", {"act": "retrain"}, SECRET)
            assert status == 200, said
            screen.until("the job", lambda s: s.get("jobs", {}).get("total") == 1)
            assert screen.sections["jobs"]["jobs"][0]["event"] == "e0"
            assert request(f"{address}/readyz")[1] == {"ok": True, "message": "ready"}
            assert b"process_cpu_seconds_total" in request(f"{address}/metrics")[1]
            screen.close()
        with console(served, bootstrap, port):
            screen = Screen(address)
            screen.until("both events again", lambda s: s.get("events", {}).get("total") == 2)
            newest = screen.until("the acknowledgement", lambda s: bool(s["events"]["newest"][0]["acknowledged"]))
            assert newest["events"]["newest"][0]["acknowledged"]["by"] == "anna"
            screen.close()
        acts = [Act.from_json(v or b"") for b in kafka.tail([served.spec.topics.audit]).poll(5.0) for v in b.values]
        assert [one.result for one in acts] == ["asked", "done"] * 2

    def test_it_starts_before_the_broker_and_says_what_is_missing(self, tmp_path: Path, elsewhere: str) -> None:
        served, port = Served(tmp_path), free_port()
        with console(served, f"127.0.0.1:{free_port()}", port, f"--service=trainer={elsewhere}"):
            screen = Screen(f"http://127.0.0.1:{port}")
            found = screen.until(
                "the trouble", lambda s: s.get("head", {}).get("cluster", {}).get("message") not in (None, "connecting")
            )
            assert not found["head"]["cluster"]["ok"]
            found = screen.until("the service elsewhere", lambda s: bool(s.get("services", {}).get("services")))
            (one,) = found["services"]["services"]
            assert (one["name"], one["ready"], one["job"]) == ("trainer", True, "j")
            assert one["log"] == [{"at": 1, "text": "fit"}]
            known = screen.until("the estimate", lambda s: bool(s["head"]["estimate"]))["head"]["estimate"]
            assert known == {"accuracy": 0.8, "low": 0.75, "high": 0.9}
            screen.close()


class TestAddresses:
    @pytest.mark.parametrize(
        "given",
        ["", "monitor", "file:///etc/passwd", "a=ftp://h:1", "http://", "http://h:99999", "http://u:p@h", "http://h/x"],
    )
    def test_what_is_no_services_address_is_refused(self, given: str) -> None:
        with pytest.raises(UsageError, match=r"--service: read .*; expected http://HOST:PORT"):
            named_services([given])

    def test_a_port_in_use_is_one_clear_message(self, tmp_path: Path) -> None:
        served = Served(tmp_path)
        with served.running() as address:
            port = address.rpartition(":")[2]
            command = [sys.executable, "-m", "driftline", "run", "console", "--port", port]
            done = subprocess.run([*command, "--spec", str(served.workspace.path)], capture_output=True, text=True)
        assert done.returncode != 0
        assert re.search(rf"127\.0\.0\.1:{port} cannot be listened at: .*--port takes another", done.stderr)
        assert "Traceback" not in done.stderr
