"""What a service promises to whoever watches it: alive, ready and metrics, over HTTP, told apart and in time."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from driftline.errors import UsageError
from driftline.service.health import STUCK_AFTER, Health, HealthServer
from driftline.watch.scrape import look
from tests.service.scripted import HandClock


class Served:
    """A health server on a free port, its clock and what it counts."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.why: str | None = None
        self.health = Health(
            self.clock, last_round=self.clock.monotonic(), ready=lambda: self.why, detail=lambda: {"version": 3}
        )
        registry = CollectorRegistry()
        self.counter = Counter("driftline_tests", "Records, by topic.", ["topic"], registry=registry)
        self.server = HealthServer(self.health, registry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.port}"

    def get(self, path: str) -> tuple[int, str, bytes]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read()

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        status, kind, body = self.get(path)
        assert kind == "application/json"
        return status, json.loads(body)


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.server.close()


class TestAlive:
    def test_from_the_start_and_while_rounds_come(self, served: Served) -> None:
        assert served.ask("/healthz") == (200, {"ok": True, "message": "last round 0.0 s ago", "version": 3})
        for _ in range(5):
            served.clock.sleep(STUCK_AFTER - 1)
            assert served.ask("/healthz")[0] == 200
            served.health.alive(True)

    def test_a_loop_that_is_stuck_is_not_and_is_again_once_it_goes_on(self, served: Served) -> None:
        served.health.alive(True)
        served.clock.sleep(STUCK_AFTER + 1)
        for path in ("/healthz", "/readyz"):
            assert served.ask(path) == (503, {"ok": False, "message": "last round 61.0 s ago", "version": 3})
        served.health.alive(True)
        assert served.ask("/healthz")[0] == served.ask("/readyz")[0] == 200


class TestReady:
    def test_only_with_partitions(self, served: Served) -> None:
        status, said = served.ask("/readyz")
        assert (status, said["message"]) == (503, "no partitions assigned (joining, or standing by)")
        served.health.alive(True)
        assert served.ask("/readyz") == (200, {"ok": True, "message": "ready", "version": 3})
        served.health.alive(False)
        assert served.ask("/readyz")[0] == 503

    def test_only_with_what_it_serves_by(self, served: Served) -> None:
        served.health.alive(True)
        served.why = "no model in service yet"
        assert served.ask("/readyz") == (503, {"ok": False, "message": "no model in service yet", "version": 3})
        assert served.ask("/healthz")[0] == 200  # waiting for a model is no reason to be killed


class TestMetrics:
    def test_metrics_as_prometheus_asks_for_them(self, served: Served) -> None:
        asked = urllib.request.Request(
            served.url + "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        )
        served.counter.labels("pumps.features").inc(7)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            families = {family.name: family for family in openmetrics(answer.read().decode())}
        (sample,) = (one for one in families["driftline_tests"].samples if one.name.endswith("_total"))
        assert (sample.labels, sample.value) == ({"topic": "pumps.features"}, 7)

    def test_in_prometheus_format(self, served: Served) -> None:
        served.counter.labels('a"b\n').inc(2)
        status, kind, body = served.get("/metrics")
        assert status == 200
        assert kind.startswith("text/plain")
        assert b'driftline_tests_total{topic="a\\"b\\n"} 2.0' in body

    def test_any_other_path_says_what_there_is(self, served: Served) -> None:
        status, _, body = served.get("/")
        assert status == 404
        assert b"/metrics, /healthz or /readyz" in body

    def test_a_query_is_ignored(self, served: Served) -> None:
        assert served.get("/healthz?verbose=1")[0] == 200


class TestAddress:
    def test_a_port_in_use_is_named_with_the_remedy(self, served: Served) -> None:
        port = served.server.port
        with pytest.raises(UsageError) as caught:
            HealthServer(served.health, CollectorRegistry(), "127.0.0.1", port)
        assert str(caught.value) == (
            f"--metrics-port: 127.0.0.1:{port} cannot be bound (Address already in use); 0 takes a free port"
        )
        assert caught.value.exit_code == 2

    def test_a_host_that_is_not_here(self, served: Served) -> None:
        with pytest.raises(UsageError, match=r"192\.0\.2\.1:0 cannot be bound"):
            HealthServer(served.health, CollectorRegistry(), "192.0.2.1", 0)

    def test_closed_it_answers_no_more_and_frees_the_port(self) -> None:
        made = Served()
        made.server.close()
        HealthServer(made.health, CollectorRegistry(), "127.0.0.1", made.server.port).close()


class TestLook:
    """`status` and `up` see a service by the same endpoints."""

    def test_a_ready_service(self, served: Served) -> None:
        served.health.alive(True)
        served.counter.labels("x").inc(2)
        served.counter.labels("y").inc(3)
        one = look("consumer-0", served.url)
        assert (one.ready, one.message, one.detail) == (True, "ready", {"version": 3})
        assert one.total("driftline_tests_total") == 5
        assert one.total("driftline_tests_total", topic="x") == 2
        assert one.total("driftline_absent") == 0
        assert one.value("driftline_absent") is None

    def test_one_that_is_not(self, served: Served) -> None:
        served.why = "no model"
        one = look("consumer-0", served.url)
        assert (one.ready, one.message) == (False, "no model")

    def test_one_that_is_gone(self) -> None:
        made = Served()
        made.server.close()
        one = look("consumer-0", made.url)
        assert not one.ready
        assert one.message.startswith("no answer: ")
