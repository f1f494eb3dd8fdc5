"""The receiver over HTTP: who may, what is answered, and that a retry asks for nothing twice."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from driftline.errors import DriftlineError
from driftline.spec.alerts import AlertsSpec
from monitoring.alerts.app import MOST_BYTES, alerts_app
from monitoring.alerts.receiver import Receiver
from monitoring.doors.tokens import MOST_WRONG, Tokens

TOKEN = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FIRING = {
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DriftlineAccuracyBelowTarget"},
            "startsAt": "t",
            "fingerprint": "f",
        },
        {"status": "firing", "labels": {"alertname": "Other"}, "startsAt": "t", "fingerprint": "g"},
    ]
}


class Broker:
    """Takes jobs, or is away."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.away = False

    def ask(self, job_id: str, reason: str, at_ms: int) -> None:
        if self.away:
            raise DriftlineError("no broker")
        self.jobs.append(job_id)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def client(broker: Broker) -> Iterator[TestClient]:
    receiver, tokens = Receiver("pumps", AlertsSpec()), Tokens.parse(TOKEN, "test")
    with TestClient(alerts_app(receiver, tokens, broker.ask, lambda: 1_000, CollectorRegistry())) as client:
        yield client


def test_a_named_alert_becomes_one_job_however_often_it_is_sent(client: TestClient, broker: Broker) -> None:
    first = client.post("/alerts", json=FIRING, headers=BEARER)
    again = client.post("/alerts", json=FIRING, headers=BEARER)
    assert (first.status_code, again.status_code) == (200, 200)
    assert [one["action"] for one in first.json()["alerts"]] == ["retrain", "unnamed"]
    assert [one["action"] for one in again.json()["alerts"]] == ["repeated", "unnamed"]
    assert broker.jobs == [first.json()["alerts"][0]["job_id"]]
    metrics = client.get("/metrics").text
    assert 'driftline_alerts_received_total{action="retrain"} 1.0' in metrics
    assert 'driftline_alerts_received_total{action="repeated"} 1.0' in metrics


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN} "])
def test_without_the_token_nothing_is_read(client: TestClient, broker: Broker, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    answer = client.post("/alerts", content=b"not even json", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert broker.jobs == []


def test_guessing_is_answered_for_a_minute_with_nothing_but_that(client: TestClient) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    found = [client.post("/alerts", json=FIRING, headers=wrong).status_code for _ in range(MOST_WRONG + 1)]
    assert found == [401] * MOST_WRONG + [429]
    assert client.post("/alerts", json=FIRING, headers=BEARER).status_code == 429


def test_a_body_that_is_none_and_one_too_large(client: TestClient) -> None:
    assert client.post("/alerts", content=b"{", headers=BEARER).status_code == 400
    assert client.post("/alerts", content=b" " * (MOST_BYTES + 1), headers=BEARER).status_code == 413
    assert client.get("/alerts", headers=BEARER).status_code == 405


def test_while_kafka_is_away_the_sender_is_to_try_again(client: TestClient, broker: Broker) -> None:
    broker.away = True
    assert client.post("/alerts", json=FIRING, headers=BEARER).status_code == 503
    broker.away = False
    answer = client.post("/alerts", json=FIRING, headers=BEARER)
    assert answer.json()["alerts"][0]["action"] == "retrain"
    assert len(broker.jobs) == 1
