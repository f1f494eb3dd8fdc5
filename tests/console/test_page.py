"""The page in a real browser: it lives, acts, comes back after a restart, stays smooth, and everybody can read it."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftline.records import ModelEvent
from driftline.records.loop import LogLine
from monitoring.console.accuracy import Estimate
from tests.console.served import SECRET, Served, job, kind, now
from tests.parts import missing

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run")
PHONE = {"width": 390, "height": 844}

# Tasks over 50 ms, as the browser counts them (W3C Long Tasks), from when it is asked to.
COUNT = "window.long = []; new PerformanceObserver(l => window.long.push(...l.getEntries().map(e => e.duration))).observe({type: 'longtask'})"  # noqa: E501


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        missing("there is no Chromium on this machine (Debian: chromium)")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=BROWSER, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.wrong = []
    opened.asked = []
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    assert opened.wrong == []
    context.close()


@pytest.fixture
def served(tmp_path: Path) -> Served:
    made = Served(tmp_path)
    made.records(80)
    return made


def see(page: Any, selector: str, text: str | re.Pattern[str]) -> None:
    playwright.expect(page.locator(selector)).to_contain_text(text, timeout=15_000)


def unlock(page: Any) -> None:
    page.click("#key")
    page.fill("#unlock-token", SECRET)
    page.press("#unlock-token", "Enter")
    see(page, "#key", "Lock actions")


class TestItLives:
    def test_what_comes_in_is_shown_without_a_reload(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            see(page, "#headline", "All is well")
            see(page, "#st-stream .small", "80 records")
            served.records(20)
            see(page, "#st-stream .small", "100 records")
            served.drift()
            see(page, "#headline", "The world has changed")
            see(page, "#events", "Model 2 is wrong more often (number 0).")

    def test_it_comes_back_after_a_restart(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            see(page, "#link", "live")
        see(page, "#link", "reconnecting")
        see(page, "#banner", "reconnects by itself")
        served.records(11)
        with served.running(int(address.rpartition(":")[2])):
            see(page, "#link", re.compile("^live$"))
            see(page, "#st-stream .small", "91 records")
            playwright.expect(page.locator("#banner")).to_be_hidden()

    def test_no_request_leaves_for_elsewhere(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            see(page, "#headline", "All is well")
            page.locator("#names button").first.click()
            see(page, "#detail", "training of version 2")
            assert page.asked and all(url.startswith(address) for url in page.asked)

    def test_a_broker_that_is_away_is_said(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            see(page, "#headline", "All is well")
            with served.console.lock:
                served.view.cluster(False, "nothing answers at 127.0.0.1:9092")
            see(page, "#banner", "nothing answers at 127.0.0.1:9092")
            see(page, "#headline", "Kafka is away")

    def test_before_the_first_model_every_section_says_what_is_missing(self, page: Any, tmp_path: Path) -> None:
        with Served(tmp_path, versions=0).running() as address:
            page.goto(address)
            see(page, "#headline", "No model in service yet")
            for name in ("line", "heat", "events", "jobs", "versions", "letters", "services", "audit"):
                playwright.expect(page.locator(f"#{name}-empty")).to_be_visible()


class TestAJobUnderWay:
    def test_shows_how_far_it_is_and_its_log_which_stays_when_it_has_ended(self, page: Any, served: Served) -> None:
        lines = [{"at": now(), "text": "fit"}, {"at": now(), "text": "epoch 13 of 40: loss 0.412"}]
        at_work = {"name": "trainer-0", "ready": True, "message": "", "read": 1, "lag": 0, "job": "j", "log": lines}
        with served.console.lock:
            served.view.services(
                [{**at_work, "progress": {"stage": "fit", "epoch": 13, "epochs": 40, "val_loss": 0.5}}]
            )
        served.feed(served.spec.topics.retraining_jobs, [job("j").to_json()])
        with served.running() as address:
            page.goto(address)
            see(page, "#st-trainer", "training, epoch 13 of 40, held-out loss 0.500")
            see(page, "#jobs .log", "epoch 13 of 40: loss 0.412")
            assert page.evaluate("document.querySelector('#jobs .progress i').style.width") == "32.5%"
            with served.console.lock:
                served.view.services([{**at_work, "job": None, "log": [], "progress": {}}])
            told = [*(LogLine.model_validate(line) for line in lines), LogLine(at=now(), text="export")]
            verdict = ModelEvent(event_id="x", stream="pumps", kind=kind("refused"), job_id="j", at=now(), log=told)
            served.feed(served.spec.topics.model_events, [verdict.to_json()])
            see(page, "#jobs .pill", "refused")
            see(page, "#jobs .log", "export")
            page.locator("#jobs summary").click()
            playwright.expect(page.locator("#jobs .log")).to_be_hidden()

    def test_that_no_service_here_knows_says_so(self, page: Any, served: Served) -> None:
        served.feed(served.spec.topics.retraining_jobs, [job("j").to_json()])
        with served.running() as address:
            page.goto(address)
            see(page, "#jobs", "its trainer cannot be seen from here")


class TestServicesThatRunElsewhere:
    def test_are_told_of_by_the_topics(self, page: Any, served: Served) -> None:
        served.drift()
        served.feed(served.spec.topics.retraining_jobs, [job("j").to_json()])
        with served.running() as address:
            page.goto(address)
            see(page, "#services-empty", "No service can be seen from here.")
            see(page, "#services-empty", "--service http://HOST:PORT")
            see(page, "#signs", re.compile("consumer.*last answer just now, by version 2; nothing waiting"))
            see(page, "#signs", re.compile("producers.*last record just now, last label just now"))
            see(page, "#signs", re.compile("trainer.*a job waits for its verdict since"))
            with served.console.lock:
                served.view.services([{"name": "monitor-0", "ready": True, "message": "", "read": 9, "lag": 0}])
            see(page, "#services", "monitor-0")
            playwright.expect(page.locator("#services-empty")).to_be_hidden()

    def test_records_that_nobody_answers_are_a_warning(self, page: Any, served: Served) -> None:
        served.feed(served.spec.topics.features, [b"{}"] * 7, at=now() + 20_000)
        with served.running() as address:
            page.goto(address)
            see(page, "#signs", "about 7 records waiting")
            playwright.expect(page.locator("#signs li:nth-child(2) .dot.off")).to_be_visible()


class TestTheEstimate:
    def test_is_drawn_with_its_interval(self, page: Any, served: Served) -> None:
        at = now()
        for i in range(8):
            served.view.estimated(Estimate(0.8, 0.62, 0.95), at - 16_000 + 2_000 * i)
        with served.running() as address:
            page.goto(address)
            see(page, "#st-truth", "estimate 80.0 % (62.0–95.0 %)")
            playwright.expect(page.locator("#legend-estimate")).to_be_visible()
            page.focus("#line")
            page.keyboard.press("Home")
            assert "estimate 80.0\u00a0% (62.0–95.0\u00a0%)" in page.get_attribute("#line", "aria-valuetext")
            # A point of the band that lies on no line, and one outside it: columns between two estimates have it too.
            found = page.evaluate(
                """() => {
                    const c = document.getElementById('line'), g = c.getContext('2d'), r = devicePixelRatio;
                    const filled = (x, y) => g.getImageData(x * r, y * r, 1, 1).data[3] > 0;
                    const base = c.clientHeight - 24, y = (v) => base - ((v - 0.5) / 0.5) * (base - 22);
                    const columns = [...Array(85).keys()].map((i) => 60 + 4 * i);
                    return [0.93, 0.985].map((v) => columns.filter((x) => filled(x, y(v))).length);
                }"""
            )
            assert found[0] > 80 and found[1] < 10, found


class TestActing:
    @pytest.mark.parametrize(
        ("button", "said"),
        [
            ("button[data-act=retrain]", "asked for, on 80 labelled records"),
            ("button[data-act=pause]", "asks for no retraining"),
            ("#versions button:has-text('Promote')", "version 1 is in service"),
            ("#versions button:has-text('Roll back')", "version 1 is in service"),
            ("#events button:has-text('Acknowledge')", "acknowledged"),
        ],
    )
    def test_an_act_asks_first_and_is_told_in_the_audit(
        self, page: Any, served: Served, button: str, said: str
    ) -> None:
        served.drift()
        with served.running() as address:
            page.goto(address)
            page.locator(button).first.click()
            page.fill("#unlock-token", SECRET)
            page.press("#unlock-token", "Enter")
            playwright.expect(page.locator("#ask")).to_be_visible()
            page.click("#ask-no")
            assert served.sent == []
            page.locator(button).first.click()
            page.fill("#ask-note", "trying it")
            page.click("#ask-yes")
            see(page, "#toast", said)
            see(page, "#audit", said)
            see(page, "#audit", "anna")

    def test_a_paused_policy_can_be_resumed(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            unlock(page)
            page.click("button[data-act=pause]")
            page.click("#ask-yes")
            see(page, "#st-monitor", "paused")
            see(page, "#paused", re.compile("The policy is paused. anna paused it at .* Drift is still told"))
            playwright.expect(page.locator("#legend-pause")).to_be_visible()
            page.click("button[data-act=resume]")
            page.click("#ask-yes")
            see(page, "#st-monitor", "quiet")
            playwright.expect(page.locator("#paused")).to_be_hidden()

    def test_a_wrong_token_is_said_and_not_kept(self, page: Any, served: Served) -> None:
        with served.running() as address:
            page.goto(address)
            page.click("#key")
            page.fill("#unlock-token", "not-the-right-token")
            page.press("#unlock-token", "Enter")
            see(page, "#unlock-trouble", "not known here")
            assert page.evaluate("sessionStorage.length") == 0

    def test_without_a_token_configured_there_is_nothing_to_press(self, page: Any, tmp_path: Path) -> None:
        served = Served(tmp_path, tokens="")
        served.drift()
        with served.running() as address:
            page.goto(address)
            playwright.expect(page.locator("#readonly")).to_be_visible()
            see(page, "#events", "wrong more often")
            for selector in ("#key", "button[data-act]:visible", "#versions button", "#events .row button"):
                assert page.locator(f"{selector}:visible").count() == 0, selector

    def test_another_sites_page_can_do_nothing(self, page: Any, served: Served, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        with served.running() as address, Served(tmp_path / "other").running() as elsewhere:
            page.goto(elsewhere.replace("127.0.0.1", "localhost"))
            found = page.evaluate(
                """async ([url, token]) => {
                    const tries = [
                        {mode: 'no-cors', headers: {'Content-Type': 'text/plain'}},
                        {headers: {'Content-Type': 'application/json', Authorization: `Bearer ${token}`}},
                    ];
                    const said = [];
                    for (const one of tries) {
                        try { said.push((await fetch(url, {method: 'POST', body: '{"act":"pause"}', ...one})).type); }
                        catch { said.push('refused'); }
                    }
                    return said;
                }""",
                [f"{address}/api/acts", SECRET],
            )
            assert "basic" not in found and "cors" not in found
            assert served.sent == []

    def test_a_refused_value_is_hidden_until_it_is_asked_for(self, page: Any, served: Served) -> None:
        letter = (
            b'{"schema_version":1,"source_topic":"pumps.features","source_partition":0,"source_offset":3,"reason":'
            b'"wrong-type","detail":"features.x0001: wrong","payload_base64":"c2VzYW1l","payload_bytes":6,"dead_at":1}'
        )
        served.feed(served.spec.topics.dead_letters, [letter])
        with served.running() as address:
            page.goto(address)
            unlock(page)
            see(page, "#letters", "••••••")
            assert "sesame" not in page.content()
            page.click("#letters button")
            see(page, "#letters", "sesame")


class TestNamesAreText:
    def test_markup_in_a_record_is_shown_and_not_run(self, page: Any, served: Served) -> None:
        from tests.console.served import event

        bad = event(0).model_copy(update={"summary": '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'})
        served.feed(served.spec.topics.drift_events, [bad.to_json()])
        with served.running() as address:
            page.goto(address)
            see(page, "#events", "<img src=x")
            assert page.evaluate("window.hit") is None


class TestSmooth:
    def test_a_thousand_features_and_ten_thousand_events(self, page: Any, tmp_path: Path) -> None:
        served = Served(tmp_path, features=1_000)
        start = now() - 300_000
        for i in range(60):
            served.records(50, shift=float(i > 30), at=start + i * 5_000)
        served.drift(9_000)
        with served.running() as address:
            page.goto(address)
            see(page, "#events-note", "9,000 in all")
            see(page, "#heat-note", "1,000 features")
            page.evaluate(COUNT)
            devtools = page.context.new_cdp_session(page)
            # The page's own processor time, which a machine that is busy elsewhere does not lengthen.
            devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
            before, started = busy(devtools), time.monotonic()
            for _ in range(10):
                served.drift(100)
                served.records(50, shift=1.0)
                page.wait_for_timeout(300)
            see(page, "#events-note", "10,000 in all")
            page.fill("#heat-filter", "x09")
            see(page, "#heat-page", "of 100")
            page.click("#heat-next")
            page.click("#events-more")
            playwright.expect(page.locator("#events > li")).to_have_count(70)
            page.mouse.wheel(0, 2_000)
            page.wait_for_timeout(500)
            long = page.evaluate("window.long")
            share = (busy(devtools) - before) / (time.monotonic() - started)
            assert share < 0.3, share
            # On a machine with more to do than it has processors, a task is long because it had to wait.
            if os.getloadavg()[0] <= 1.5 * (os.cpu_count() or 1):
                assert len(long) <= 2, long
            assert max(long, default=0) < 300, long


def busy(devtools: Any) -> float:
    """Seconds that the page's main thread has worked."""
    found = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


class TestEverybodyCanReadIt:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, PHONE], ids=["desk", "phone"])
    def test_axe_finds_nothing_serious(self, browser: Any, served: Served, scheme: str, size: dict[str, int]) -> None:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
        served.drift(3)
        served.feed(
            served.spec.topics.dead_letters,
            [
                b'{"schema_version":1,"source_topic":"t","source_partition":0,"source_offset":3,"reason":"wrong-type",'
                b'"detail":"x","payload_base64":"","payload_bytes":6,"dead_at":1}'
            ],
        )
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        with served.running() as address:
            page.goto(address)
            see(page, "#events", "number 2")
            page.locator("#names button").first.click()
            see(page, "#detail", "training of version 2")
            found = axe.Axe().run(page).response["violations"]
            page.click("#key")
            found += axe.Axe().run(page).response["violations"]
        context.close()
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"], one["nodes"][0].get("failureSummary")) for one in grave] == []

    def test_a_phone_needs_no_sideways_scrolling(self, browser: Any, served: Served) -> None:
        served.drift(3)
        context = browser.new_context(viewport=PHONE)
        page = context.new_page()
        with served.running() as address:
            page.goto(address)
            see(page, "#events", "number 2")
            page.locator("#names button").first.click()
            see(page, "#detail", "training of version 2")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        context.close()

    def test_by_keyboard_alone(self, page: Any, served: Served) -> None:
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
            playwright.expect(page.locator("#unlock")).to_be_hidden()
