"""Every act over HTTP: with the token, without one, with a wrong one, from another site, and what the audit says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftline.records import ModelEvent, RetrainingJob
from driftline.records.acts import Act, ActKind
from tests.console.served import SECRET, Served, request

ACTS = [
    ("retrain", None), ("promote", "1"), ("roll-back", None), ("pause", None), ("resume", None), ("acknowledge", "e0"),
]  # fmt: skip


@pytest.fixture
def served(tmp_path: Path) -> Served:
    made = Served(tmp_path)
    made.records(60)
    made.drift(onset=20)
    return made


@pytest.fixture
def address(served: Served) -> Iterator[str]:
    with served.running() as url:
        yield url


def audit(served: Served) -> list[Act]:
    return [Act.from_json(v or b"") for out in served.sent if out.topic == "pumps.audit" for v in out.values]


@pytest.mark.parametrize(("act", "subject"), ACTS)
class TestEveryAct:
    def test_is_done_with_the_token_and_is_in_the_audit_twice(
        self, served: Served, address: str, act: str, subject: str | None
    ) -> None:
        status, said, _ = request(f"{address}/api/acts", {"act": act, "subject": subject, "note": "why"}, SECRET)
        assert status == 200, said
        asked, done = audit(served)
        assert (asked.result, done.result) == ("asked", "done")
        assert asked.act_id == done.act_id == said["act"]
        assert (done.kind, done.actor, done.note, done.source) == (ActKind(act), "anna", "why", "127.0.0.1")

    @pytest.mark.parametrize(
        ("token", "headers", "status"),
        [
            (None, {}, 401),
            ("another-token-altogether", {}, 401),
            (SECRET[:-1], {}, 401),
            (SECRET, {"Origin": "http://evil.example"}, 403),
            (SECRET, {"Origin": "null"}, 403),
            (SECRET, {"Sec-Fetch-Site": "cross-site"}, 403),
            (SECRET, {"Sec-Fetch-Site": "same-site"}, 403),
            (SECRET, {"Host": "evil.example"}, 403),
            (SECRET, {"Content-Type": "text/plain"}, 403),
        ],
    )
    def test_is_refused_otherwise_and_leaves_no_trace(
        self,
        served: Served,
        address: str,
        act: str,
        subject: str | None,
        token: str | None,
        headers: dict[str, str],
        status: int,
    ) -> None:
        before = served.workspace.registry.champion()
        body = {"act": act, "subject": subject}
        found, said, _ = request(f"{address}/api/acts", body, token, **headers)
        assert found == status, said
        assert served.sent == []
        assert served.workspace.registry.champion() == before

    def test_is_not_done_when_it_cannot_be_audited(
        self, served: Served, address: str, act: str, subject: str | None
    ) -> None:
        served.broken = True
        before = served.workspace.registry.champion()
        status, said, _ = request(f"{address}/api/acts", {"act": act, "subject": subject}, SECRET)
        assert status == 503 and "not done" in said["detail"]
        assert served.workspace.registry.champion() == before


class TestWhatAnActDoes:
    def test_retraining_asks_for_what_was_labelled_since_the_open_alarm(self, served: Served, address: str) -> None:
        request(f"{address}/api/acts", {"act": "retrain"}, SECRET)
        (job,) = [
            RetrainingJob.from_json(o.values[0] or b"") for o in served.sent if o.topic == "pumps.retraining-jobs"
        ]
        assert (job.requested_by, job.drift_event_id, job.champion_version) == ("operator", "e0", 2)
        assert job.labelled_records == 40
        assert job.window.features == {0: (20, 60)} and job.window.labels == {0: (20, 60)}

    def test_without_an_open_alarm_for_the_newest(self, tmp_path: Path) -> None:
        served = Served(tmp_path)
        served.records(2_100)
        with served.running() as address:
            status, said, _ = request(f"{address}/api/acts", {"act": "retrain"}, SECRET)
            assert status == 200 and "2,000 labelled records, the newest" in said["detail"]
        (job,) = [
            RetrainingJob.from_json(o.values[0] or b"") for o in served.sent if o.topic == "pumps.retraining-jobs"
        ]
        assert job.drift_event_id is None and job.window.labels == {0: (100, 2_100)}

    def test_before_the_first_label_it_is_refused_with_why(self, tmp_path: Path) -> None:
        served = Served(tmp_path)
        with served.running() as address:
            status, said, _ = request(f"{address}/api/acts", {"act": "retrain"}, SECRET)
            assert status == 409 and "holds no label yet" in said["detail"]

    def test_promoting_changes_the_registry_and_says_so(self, served: Served, address: str) -> None:
        request(f"{address}/api/acts", {"act": "promote", "subject": "1"}, SECRET)
        champion = served.workspace.registry.champion()
        (event,) = [ModelEvent.from_json(o.values[0] or b"") for o in served.sent if o.topic == "pumps.model-events"]
        assert champion is not None and champion.version == event.version == 1
        assert event.sequence == champion.sequence

    @pytest.mark.parametrize("subject", ["7", "x", "-1", None, "2"])
    def test_a_version_that_cannot_be_promoted_is_refused_with_why(
        self, served: Served, address: str, subject: str | None
    ) -> None:
        status, said, _ = request(f"{address}/api/acts", {"act": "promote", "subject": subject}, SECRET)
        assert status == 409 and ("version" in said["detail"])
        assert [one.result for one in audit(served)] == ["asked", "failed"]

    def test_an_event_that_nobody_told_is_not_acknowledged(self, served: Served, address: str) -> None:
        assert request(f"{address}/api/acts", {"act": "acknowledge", "subject": "e99"}, SECRET)[0] == 409

    def test_pausing_is_shown(self, served: Served, address: str) -> None:
        request(f"{address}/api/acts", {"act": "pause"}, SECRET)
        assert served.view.section("head")["paused"]["actor"] == "anna"
        request(f"{address}/api/acts", {"act": "resume"}, SECRET)
        assert served.view.section("head")["paused"] is None

    @pytest.mark.parametrize(
        "body", [{}, {"act": "destroy"}, {"act": "pause", "extra": 1}, {"act": "pause", "note": "x" * 501}]
    )
    def test_a_body_that_is_no_act_is_refused(self, served: Served, address: str, body: dict[str, str]) -> None:
        assert request(f"{address}/api/acts", body, SECRET)[0] == 422
        assert served.sent == []


class TestWithoutATokenConfigured:
    def test_nobody_acts_and_nobody_sees_values(self, tmp_path: Path) -> None:
        served = Served(tmp_path, tokens="")
        with served.running() as address:
            status, said, _ = request(f"{address}/api/acts", {"act": "pause"}, SECRET)
            assert status == 403 and "read-only" in said["detail"]
            assert request(f"{address}/api/letters/0", token=SECRET)[0] == 403


class TestGuessing:
    def test_ends_after_ten_wrong_tokens_even_for_the_right_one(self, address: str) -> None:
        found = [request(f"{address}/api/me", token=f"wrong-token-number-{i}")[0] for i in range(11)]
        assert found == [401] * 10 + [429]
        assert request(f"{address}/api/me", token=SECRET)[0] == 429


class TestReading:
    def test_another_site_reads_nothing(self, address: str) -> None:
        assert request(f"{address}/api/events", Sec_Fetch_Site="cross-site")[0] == 403
        assert request(f"{address}/api/events", Origin="http://evil.example")[0] == 403
        assert request(f"{address}/api/events", Host="rebound.example")[0] == 403
        assert request(f"{address}/api/events", Host="localhost:1")[0] == 200

    def test_every_answer_says_that_nothing_comes_from_elsewhere(self, address: str) -> None:
        for path in ("/", "/static/console.js", "/api/events", "/nowhere"):
            headers = request(f"{address}{path}")[2]
            assert headers["content-security-policy"].startswith("default-src 'self'"), path
            assert headers["x-frame-options"] == "DENY"

    def test_there_are_no_pages_of_the_framework(self, address: str) -> None:
        assert [request(f"{address}/{path}")[0] for path in ("docs", "redoc", "openapi.json")] == [404] * 3

    def test_a_model_card_is_a_page_without_scripts(self, address: str) -> None:
        pytest.importorskip("matplotlib", reason="the card's pictures need it")
        status, page, headers = request(f"{address}/card/2")
        assert status == 200 and b"<h1>" in page
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert request(f"{address}/card/99")[0] == 404

    def test_a_large_body_is_refused(self, address: str) -> None:
        assert request(f"{address}/api/acts", {"act": "pause", "note": "x" * 9_000}, SECRET)[0] == 413

    def test_a_dead_letters_value_needs_the_token(self, served: Served, address: str) -> None:
        letter = (
            b'{"schema_version":1,"source_topic":"pumps.features","source_partition":0,"source_offset":3,"reason":'
            b'"wrong-type","detail":"features.x0001: \\"sesame\\" is no number","payload_base64":"c2VzYW1l",'
            b'"payload_bytes":6,"dead_at":1800000000000}'
        )
        served.feed(served.spec.topics.dead_letters, [letter])
        assert "sesame" not in str(served.view.section("letters"))
        assert served.view.section("letters")["samples"][0]["place"] == "features.x0001"
        assert request(f"{address}/api/letters/0")[0] == 401
        status, said, _ = request(f"{address}/api/letters/0", token=SECRET)
        assert status == 200 and said["payload"] == "sesame" and "sesame" in said["detail"]
