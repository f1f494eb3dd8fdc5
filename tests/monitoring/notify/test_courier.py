"""Deliveries over real HTTP."""

import threading
from pathlib import Path

import pytest
import structlog.testing

from driftline.errors import UsageError
from driftline.spec.alerts import NotifySpec, WebhookSpec
from monitoring.notify import courier as module
from monitoring.notify.core import Delivery
from monitoring.notify.courier import WebhookCourier
from monitoring.notify.service import urls_of
from tests.monitoring.notify.hook import Hook, hook


def deliver(found: Hook, count: int = 1, attempts: int = 4) -> WebhookCourier:
    courier = WebhookCourier({"chat": found.url}, attempts, timeout=5)
    for number in range(count):
        courier.send(Delivery(WebhookSpec(name="chat", url_env="X"), f"{number}".encode(), "application/json"))
    done, waited = 0, threading.Event()
    for _ in range(2_000):
        done += courier.settled()
        if done == count:
            break
        waited.wait(0.01)
    assert done == count
    return courier


@pytest.fixture(autouse=True)
def no_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_REST", 0.001)


def test_arrive_in_order_and_once() -> None:
    with hook() as found:
        courier = deliver(found, count=20)
    assert found.bodies == [f"{number}".encode() for number in range(20)]
    assert courier.results == {("chat", "delivered"): 20}


def test_are_tried_again_after_what_may_pass() -> None:
    with hook(500, 429, 200) as found:
        courier = deliver(found)
    assert len(found.bodies) == 3
    assert courier.results == {("chat", "delivered"): 1}


@pytest.mark.parametrize(("answer", "tries"), [(503, 4), (404, 1), (302, 1)])
def test_are_given_up_and_the_url_is_in_no_log(answer: int, tries: int) -> None:
    with hook(answer) as found, structlog.testing.capture_logs() as logs:
        courier = deliver(found)
    assert len(found.bodies) == tries
    assert courier.results == {("chat", "given-up"): 1}
    assert [line["reason"] for line in logs] == [f"HTTP {answer}"]
    assert "secret" not in str(logs)


def test_nobody_there_is_given_up_too() -> None:
    with hook() as found:
        url = found.url
    courier = deliver(Hook(url=url), attempts=2)
    assert courier.results == {("chat", "given-up"): 1}


class TestUrls:
    def test_come_from_the_environment_or_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHAT", "https://chat.example/hook")
        (tmp_path / "url").write_text("http://127.0.0.1/other\n")
        spec = NotifySpec(webhooks=(WebhookSpec(name="a", url_env="CHAT"), WebhookSpec(name="b", url_file="url")))
        assert urls_of(spec, tmp_path) == {"a": "https://chat.example/hook", "b": "http://127.0.0.1/other"}

    def test_that_are_none_are_named_and_not_shown(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = NotifySpec(webhooks=(WebhookSpec(name="a", url_env="CHAT"),))
        with pytest.raises(UsageError, match=r"notify\.webhooks\.0\.url_env: .* CHAT is not set"):
            urls_of(spec, tmp_path)
        monkeypatch.setenv("CHAT", "file:///etc/secret")
        with pytest.raises(UsageError) as error:
            urls_of(spec, tmp_path)
        assert "secret" not in str(error.value)
