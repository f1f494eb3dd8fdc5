"""Which alerts become jobs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.errors import UsageError
from driftline.spec.alerts import AlertsSpec
from monitoring.alerts.payload import Alert, read_webhook
from monitoring.alerts.receiver import DAY_MS, Receiver

NAMED = "DriftlineAccuracyBelowTarget"
FREE = AlertsSpec(minimum_seconds_between=0, per_day=1_000)


def alert(name: str = NAMED, status: str = "firing", starts: str = "t0", **labels: str) -> Alert:
    return Alert(
        status=status,
        labels={"alertname": name, **labels},
        annotations={"summary": "accuracy 0.61, below 0.8"},
        startsAt=starts,
        fingerprint="f-" + "".join(labels.values()),
    )


def decided(receiver: Receiver, one: Alert, now_ms: int = 0) -> str:
    found = receiver.decide(one, now_ms)
    if found.action == "retrain":
        assert found.job_id is not None
        receiver.asked(found.job_id, now_ms)
    return found.action


class TestOneJobAnAlert:
    def test_a_named_firing_alert_asks_once(self) -> None:
        receiver = Receiver("pumps", FREE)
        found = receiver.decide(alert(), 0)
        assert (found.action, found.reason) == ("retrain", f"alert {NAMED}: accuracy 0.61, below 0.8")
        assert [decided(receiver, alert()) for _ in range(3)] == ["retrain", "repeated", "repeated"]

    def test_a_new_firing_asks_again(self) -> None:
        receiver = Receiver("pumps", FREE)
        assert decided(receiver, alert(starts="t0")) == "retrain"
        assert decided(receiver, alert(starts="t1")) == "retrain"

    def test_what_does_not_ask(self) -> None:
        receiver = Receiver("pumps", FREE)
        assert decided(receiver, alert(status="resolved")) == "resolved"
        assert decided(receiver, alert(name="DriftlineLagGrowing")) == "unnamed"
        assert decided(receiver, alert(stream="fans")) == "elsewhere"
        assert decided(receiver, alert(stream="pumps")) == "retrain"

    def test_a_restart_forgets_nothing(self) -> None:
        from driftline.records.loop import RetrainingJob, Window

        first = Receiver("pumps", AlertsSpec())
        job_id = first.decide(alert(), 5).job_id
        job = RetrainingJob(
            job_id=job_id, stream="pumps", requested_by="alert", reason="r", requested_at=5, champion_version=1,
            window=Window(features={}, labels={}), labelled_records=1,
        )  # fmt: skip
        again = Receiver("pumps", AlertsSpec())
        again.recall([job, job.model_copy(update={"job_id": "other", "requested_by": "policy", "requested_at": 9})])
        assert decided(again, alert(), 10) == "repeated"
        assert decided(again, alert(starts="t1"), 10) == "limited"
        assert decided(again, alert(starts="t1"), 5 + 1_800_000) == "retrain"


class TestLimits:
    @given(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4 * 3_600_000)), max_size=60),
        st.integers(0, 7_200),
        st.integers(1, 5),
    )
    def test_hold_whatever_comes_when(self, arrivals: list[tuple[int, int]], rest: int, most: int) -> None:
        receiver = Receiver("pumps", AlertsSpec(minimum_seconds_between=rest, per_day=most))
        now, times = 0, []
        for which, later in arrivals:
            now += later
            if decided(receiver, alert(starts=f"t{which}"), now) == "retrain":
                times.append(now)
        assert all(b - a >= rest * 1_000 for a, b in pairwise(times))
        assert all(sum(t - DAY_MS < s <= t for s in times) <= most for t in times)

    def test_say_how_long(self) -> None:
        receiver = Receiver("pumps", AlertsSpec(minimum_seconds_between=60))
        decided(receiver, alert(starts="a"), 0)
        assert "another 50 s" in receiver.decide(alert(starts="b"), 10_000).reason


class TestTheBody:
    def test_of_alertmanager(self) -> None:
        body = (
            b'{"version":"4","groupKey":"{}","status":"firing","receiver":"driftline","groupLabels":{},"alerts":[{"status":'
            b'"firing","labels":{"alertname":"A","stream":"s"},"annotations":{},"startsAt":"2026-01-01T00:00:00Z",'
            b'"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p","fingerprint":"abc"}]}'
        )
        (found,) = read_webhook(body)
        assert (found.name, found.status, found.fingerprint) == ("A", "firing", "abc")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b"", "body"), (b"[]", "body"), (b"{}", "alerts"), (b'{"alerts":[{}]}', "alerts.0.status"),
            (b'{"alerts":[{"status":"firing","labels":{"a":1}}]}', "alerts.0.labels.a"), (b"\xff", "body"),
        ],
    )  # fmt: skip
    def test_that_is_none_is_refused_by_field(self, body: bytes, field: str) -> None:
        with pytest.raises(UsageError, match=f"^{field}: "):
            read_webhook(body)

    @given(st.binary(max_size=200))
    def test_anything_else_is_refused_and_nothing_breaks(self, body: bytes) -> None:
        with pytest.raises(UsageError):
            read_webhook(body)
