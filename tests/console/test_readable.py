"""Everybody can read the page and act on it: axe in every state, dark and light, on a phone, by keyboard alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from driftline.records import ModelEvent
from driftline.records.acts import ActKind
from driftline.records.loop import LogLine
from monitoring.console.accuracy import Estimate
from monitoring.console.acts import Wish
from tests.console.browser import PHONE, expect, see, unlock
from tests.console.served import SECRET, Served, job, kind, now


def busy(served: Served) -> None:
    """Everything at once that can stand on the page."""
    served.drift(3)
    served.feed(served.spec.topics.retraining_jobs, [job("done").to_json(), job("live").to_json()])
    lines = [LogLine(at=now(), text=f"epoch {i} of 40: loss 0.412, held out 0.455") for i in range(1, 30)]
    verdict = ModelEvent(event_id="x", stream="pumps", kind=kind("refused"), job_id="done", at=now(), log=lines)
    served.feed(served.spec.topics.model_events, [verdict.to_json()])
    letter = (
        b'{"schema_version":1,"source_topic":"t","source_partition":0,"source_offset":3,"reason":"wrong-type",'
        b'"detail":"x","payload_base64":"","payload_bytes":6,"dead_at":1}'
    )
    served.feed(served.spec.topics.dead_letters, [letter])
    for i in range(8):
        served.view.estimated(Estimate(0.8, 0.62, 0.95), now() - 16_000 + 2_000 * i)
    at_work = {"name": "trainer-0", "ready": True, "message": "", "read": 1, "lag": 0, "job": "live"}
    progress = {"stage": "fit", "epoch": 13, "epochs": 40, "val_loss": 0.5}
    served.view.services([{**at_work, "progress": progress, "log": [line.model_dump() for line in lines]}])
    served.console.operator.do(Wish(ActKind.PAUSE, None, "anna", "127.0.0.1", "mending sensor 3"))


def away(served: Served) -> None:
    """The broker does not answer."""
    served.view.cluster(False, "nothing answers at 127.0.0.1:9092")


def at_rest(served: Served) -> None:
    """Nothing has happened."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(("state", "versions"), [(busy, 2), (away, 2), (at_rest, 0)], ids=["busy", "away", "empty"])
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    browser: Any, tmp_path: Path, scheme: str, size: dict[str, int], state: Callable[[Served], None], versions: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    served = Served(tmp_path, versions=versions)
    if versions:
        served.records(80)
    state(served)
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    found = []
    with served.running() as address:
        page.goto(address)
        see(page, "#link", "live")
        see(page, "#stream", "pumps")
        if state is busy:
            page.locator("#names button").first.click()
            see(page, "#detail", "training of version 2")
            page.locator("#jobs summary").last.click()
            see(page, "#jobs li:last-child .log", "epoch 29 of 40")
            expect(page.locator("#paused")).to_be_visible()
        found += axe.Axe().run(page).response["violations"]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.click("#key")
        found += axe.Axe().run(page).response["violations"]
        if state is busy:
            page.fill("#unlock-token", SECRET)
            page.press("#unlock-token", "Enter")
            page.click("button[data-act=retrain]")
            expect(page.locator("#ask")).to_be_visible()
            found += axe.Axe().run(page).response["violations"]
    context.close()
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"], one["nodes"][0].get("failureSummary")) for one in grave] == []


class TestByKeyboardAlone:
    def test_one_reads(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            see(page, "#headline", "All is well")
            page.focus("#line")
            page.keyboard.press("End")
            assert "accuracy" in page.get_attribute("#line", "aria-valuetext")
            see(page, "#line-tip", "accuracy")
            page.focus("#names button >> nth=0")
            page.keyboard.press("Enter")
            see(page, "#detail", "training of version 2")
            page.focus("#key")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "unlock-token"
            page.keyboard.press("Escape")
            expect(page.locator("#unlock")).to_be_hidden()

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("Retrain now", "80 labelled records"),
            ("Pause the policy", "asks for no retraining"),
            ("Promote version 1", "version 1 is in service"),
            ("Roll back to 1", "version 1 is in service"),
            ("Acknowledge", "acknowledged"),
        ],
    )
    def test_one_does_every_act(self, page: Any, served: Served, name: str, said: str) -> None:
        served.drift()
        with served.running() as address:
            page.goto(address)
            see(page, "#events", "number 0")
            see(page, "#versions", "Version 1")
            tab_to(page, name)
            page.keyboard.press("Enter")
            page.keyboard.type(SECRET)
            page.keyboard.press("Enter")
            expect(page.locator("#ask")).to_be_visible()
            assert page.evaluate("document.querySelector('#ask').contains(document.activeElement)")
            tab_to(page, page.locator("#ask-yes").inner_text())
            page.keyboard.press("Enter")
            see(page, "#toast", said)
            expect(page.locator("#ask")).to_be_hidden()

    def test_who_pauses_can_resume_without_searching(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            unlock(page)
            page.focus("button[data-act=pause]")
            page.keyboard.press("Enter")
            page.press("#ask-note", "Enter")
            expect(page.locator("button[data-act=resume]")).to_be_focused()


def tab_to(page: Any, name: str) -> None:
    """Go on with the tabulator until the focus is on what bears this name."""
    for _ in range(80):
        page.keyboard.press("Tab")
        here = "(e => e.getAttribute('aria-label') ?? e.textContent.trim())(document.activeElement)"
        if page.evaluate(here) == name:
            return
    raise AssertionError(f"the tabulator does not reach {name!r}")
