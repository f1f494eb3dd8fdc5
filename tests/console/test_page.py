"""The page in a real browser: it lives, acts, comes back after a restart."""

import re
from pathlib import Path
from typing import Any

import pytest

from driftline.records import ModelEvent
from driftline.records.loop import LogLine
from monitoring.console.accuracy import Estimate
from tests.console.browser import expect, see, unlock
from tests.console.served import SECRET, Served, job, kind, now


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
            expect(page.locator("#banner")).to_be_hidden()

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
                expect(page.locator(f"#{name}-empty")).to_be_visible()


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
            see(page, "#headline", re.compile("^A new version is in training$"))
            see(page, "#st-trainer", "fitting, epoch 13 of 40, held-out loss 0.500")
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
            expect(page.locator("#jobs .log")).to_be_hidden()

    def test_that_no_service_here_knows_says_so(self, page: Any, served: Served) -> None:
        served.feed(served.spec.topics.retraining_jobs, [job("j").to_json()])
        with served.running() as address:
            page.goto(address)
            see(page, "#jobs", "its trainer cannot be seen from here")
            served.drift()
            see(page, "#headline", "Drift found; a new version is in training")


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
            expect(page.locator("#services-empty")).to_be_hidden()

    def test_records_that_nobody_answers_are_a_warning(self, page: Any, served: Served) -> None:
        served.feed(served.spec.topics.features, [b"{}"] * 7, at=now() + 20_000)
        with served.running() as address:
            page.goto(address)
            see(page, "#signs", "about 7 records waiting")
            expect(page.locator("#signs li:nth-child(2) .dot.off")).to_be_visible()


class TestTheEstimate:
    def test_is_drawn_with_its_interval(self, page: Any, served: Served) -> None:
        at = now()
        for i in range(8):
            served.view.estimated(Estimate(0.8, 0.62, 0.95), at - 16_000 + 2_000 * i)
        with served.running() as address:
            page.goto(address)
            see(page, "#st-truth", "estimate 80.0 % (62.0\u2060–\u206095.0 %)")
            expect(page.locator("#legend-estimate")).to_be_visible()
            page.focus("#line")
            page.keyboard.press("Home")
            assert "estimate 80.0\u00a0% (62.0\u2060–\u206095.0\u00a0%)" in page.get_attribute(
                "#line", "aria-valuetext"
            )
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
            expect(page.locator("#ask")).to_be_visible()
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
            expect(page.locator("#legend-pause")).to_be_visible()
            page.click("button[data-act=resume]")
            page.click("#ask-yes")
            see(page, "#st-monitor", "quiet")
            expect(page.locator("#paused")).to_be_hidden()

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
            expect(page.locator("#readonly")).to_be_visible()
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
