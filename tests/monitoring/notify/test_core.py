"""What is told to whom, and when it is committed."""

import json
from typing import Any

import pytest

from driftline.kafka.interface import Batch
from driftline.records.base import Record
from driftline.records.loop import Blame, DriftEvent, ModelEvent, Position, RetrainingJob, Window
from driftline.spec.stream import StreamSpec
from monitoring.notify.core import OLDEST_MS, Delivery, NotifierCore
from tests.streams import numeric_stream

NOW = 1_800_000_000_000


def spec_of(*webhooks: dict[str, Any]) -> StreamSpec:
    return StreamSpec.model_validate({**numeric_stream().model_dump(), "notify": {"webhooks": list(webhooks)}})


def chat(**more: Any) -> dict[str, Any]:
    return {"name": "chat", "url_env": "URL", **more}


DRIFT = DriftEvent(
    event_id="concept-1", stream="pumps", kind="concept", severity="alarm", detector="d", model_version=3,
    detected_at=NOW, detected=Position(), onset=Position(), features=[Blame(feature="x", score=1.0)],
    summary="Model 3 is wrong more often: <!channel> & <b>.",
)  # fmt: skip
JOB = RetrainingJob(
    job_id="job-1", stream="pumps", requested_by="policy", reason="r", requested_at=NOW, drift_event_id="concept-1",
    champion_version=3, window=Window(features={}, labels={}), labelled_records=200,
)  # fmt: skip
MODEL = ModelEvent(event_id="e-1", stream="pumps", kind="promoted", version=4, previous_version=3, at=NOW)


class Held:
    """A courier whose deliveries arrive when the test says so."""

    def __init__(self) -> None:
        self.sent: list[Delivery] = []
        self.arrived = 0

    def send(self, delivery: Delivery) -> None:
        self.sent.append(delivery)

    def settled(self) -> int:
        arrived, self.arrived = self.arrived, 0
        return arrived


def batch(topic: str, *records: Record, at: int = NOW) -> Batch:
    n = len(records)
    return Batch(topic, 0, list(range(n)), [at] * n, [None] * n, [record.to_json() for record in records])


class TestWhoHears:
    def told(self, *webhooks: dict[str, Any], at: int = NOW) -> list[Delivery]:
        spec, courier = spec_of(*webhooks), Held()
        core, topics = NotifierCore(spec, courier), spec.topics
        core.process([batch(topics.drift_events, DRIFT, at=at)], NOW)
        core.process([batch(topics.retraining_jobs, JOB, at=at), batch(topics.model_events, MODEL, at=at)], NOW)
        return courier.sent

    def test_a_chat_hears_of_drift_and_models(self) -> None:
        said = [json.loads(delivery.body)["text"] for delivery in self.told(chat())]
        assert said == [
            "🔴 pumps: concept drift (alarm): Model 3 is wrong more often: &lt;!channel&gt; &amp; &lt;b&gt;.",
            "✅ pumps: version 4 promoted, replacing version 3",
        ]

    def test_each_hears_what_it_wants(self) -> None:
        sent = self.told(chat(on=["retraining"]), {"name": "all", "url_file": "f", "format": "cloudevents",
                                                   "on": ["drift", "retraining", "model"]})  # fmt: skip
        assert [(one.hook.name, one.content_type) for one in sent] == [
            ("all", "application/cloudevents+json"), ("chat", "application/json"),
            ("all", "application/cloudevents+json"), ("all", "application/cloudevents+json"),
        ]  # fmt: skip

    def test_a_warning_is_not_for_those_who_want_alarms(self) -> None:
        spec, courier = spec_of(chat(), chat(name="keen", minimum_severity="warning")), Held()
        warning = DRIFT.model_copy(update={"severity": "warning"})
        NotifierCore(spec, courier).process([batch(spec.topics.drift_events, warning)], NOW)
        assert [one.hook.name for one in courier.sent] == ["keen"]

    def test_nobody_is_woken_with_old_news(self) -> None:
        assert self.told(chat(), at=NOW - OLDEST_MS - 1) == []


class TestTheTopic:
    def test_has_each_as_a_cloud_event(self) -> None:
        spec = spec_of()
        step = NotifierCore(spec, Held()).process([batch(spec.topics.drift_events, DRIFT)], NOW)
        (out,) = step.outputs
        event = json.loads(out.values[0])
        assert (out.topic, out.keys) == ("pumps.notifications".replace("pumps", spec.stream), [b"concept-1"])
        assert {key: event[key] for key in ("specversion", "id", "source", "type", "subject", "time")} == {
            "specversion": "1.0", "id": "concept-1", "source": "/driftline/pumps", "type": "driftline.drift.concept",
            "subject": "version 3", "time": "2027-01-15T08:00:00Z",
        }  # fmt: skip
        assert DriftEvent.model_validate(event["data"]) == DRIFT


class TestTheCommit:
    def test_waits_until_every_webhook_is_settled(self) -> None:
        spec, courier = spec_of(chat(), chat(name="other")), Held()
        core = NotifierCore(spec, courier)
        assert core.process([batch(spec.topics.drift_events, DRIFT)], NOW).busy
        courier.arrived = 1
        assert core.tick(NOW).busy
        courier.arrived = 1
        done = core.tick(NOW)
        assert not done.busy and len(done.outputs) == 1
        assert core.tick(NOW).outputs == []

    @pytest.mark.parametrize("value", [b"", b"{", b"null"])
    def test_what_is_no_record_is_counted_and_passed_by(self, value: bytes) -> None:
        spec = spec_of(chat())
        core = NotifierCore(spec, Held())
        step = core.process([Batch(spec.topics.model_events, 0, [0], [NOW], [None], [value])], NOW)
        assert (step.busy, step.outputs, core.malformed) == (False, [], 1)
