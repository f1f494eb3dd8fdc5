import base64
from pathlib import Path

import numpy as np
import pytest

from driftline.records import ModelEvent
from driftline.records.acts import Act, ActKind
from driftline.records.loop import LogLine
from monitoring.console.accuracy import Estimate
from monitoring.console.happenings import MOST_EVENTS
from monitoring.console.letters import SAMPLES
from tests.console.served import Served, event, job, kind, now


def act(number: int, said: str, at: int) -> Act:
    fields = {"act_id": f"a{number}", "stream": "pumps", "actor": "anna", "note": "why", "result": "done"}
    return Act.model_validate({**fields, "kind": ActKind(said), "at": at})


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


class TestAccuracy:
    def test_is_of_the_newest_labelled_answers(self, served: Served) -> None:
        served.records(100, right=1.0)
        served.records(50, right=0.0)
        head = served.view.section("head")
        assert head["accuracy"] == 0.5 and head["window"] == 100 and head["answering"] == 2

    def test_a_label_may_come_before_its_answer(self, tmp_path: Path) -> None:
        (tmp_path / "second").mkdir()
        served, turned = Served(tmp_path), Served(tmp_path / "second")
        seen: list[tuple[str, list[bytes | None]]] = []
        feed = served.feed
        served.feed = lambda topic, values, at=None: (seen.append((topic, list(values))), feed(topic, values, at))[1]  # type: ignore[assignment,func-returns-value,misc]
        served.records(40)
        for topic, values in reversed(seen):
            turned.feed(topic, values)
        assert turned.view.section("head")["accuracy"] == served.view.section("head")["accuracy"] is not None

    def test_the_line_begins_with_enough_labels_to_mean_something(self, served: Served) -> None:
        served.records(24)
        assert not any(v is not None for v in served.view.section("line")["accuracy"])
        served.records(10)
        assert any(v is not None for v in served.view.section("line")["accuracy"])

    def test_the_estimate_has_its_interval_where_there_is_one(self, served: Served) -> None:
        served.records(30)
        served.view.estimated(Estimate(0.8, 0.7, 0.9), now())
        served.view.estimated(Estimate(0.6, None, None), now() + 5_000)
        line = served.view.section("line")
        assert line["estimate"][-1] == 0.6 and line["low"][-1] is line["high"][-1] is None
        at = line["estimate"].index(0.8)
        assert (line["low"][at], line["high"][at]) == (0.7, 0.9)
        assert served.view.section("head")["estimate"] == {"accuracy": 0.6, "low": None, "high": None}
        assert len({len(line[name]) for name in ("accuracy", "estimate", "low", "high", "records")}) == 1


class TestJobs:
    def test_a_verdict_brings_the_log_of_its_job(self, served: Served) -> None:
        lines = [LogLine(at=1, text="fit"), LogLine(at=2, text="epoch 1 of 40: loss 0.5")]
        verdict = ModelEvent(event_id="x", stream="pumps", kind=kind("refused"), job_id="j", at=3, log=lines)
        served.feed(served.spec.topics.retraining_jobs, [job("j").to_json()])
        assert served.view.section("jobs")["jobs"][0]["lines"] == 0
        served.feed(served.spec.topics.model_events, [verdict.to_json()])
        assert served.view.section("jobs")["jobs"][0]["lines"] == 2
        assert served.view.happened.job_log("j") == [line.model_dump() for line in lines]
        assert served.view.happened.job_log("another") is None


class TestAPause:
    def test_is_a_stretch_of_the_line_however_often_the_topic_is_read(self, served: Served) -> None:
        made = [act(1, "pause", 10), act(2, "pause", 20), act(3, "resume", 30), act(4, "pause", 40)]
        for _ in range(2):
            served.feed(served.spec.topics.audit, [one.to_json() for one in made])
            assert served.view.section("line")["pauses"] == [(10, 30), (40, None)]
        assert served.view.section("head")["paused"] == {"actor": "anna", "note": "why", "at": 40}


class TestHeat:
    def test_a_shift_is_hot_and_its_feature_shows_both_distributions(self, served: Served) -> None:
        served.records(100)
        assert served.view.section("heat")["drifted"] == 0
        served.records(100, shift=3.0)
        heat = served.view.section("heat")
        assert heat["drifted"] == 4
        newest = np.frombuffer(base64.b64decode(heat["newest"]), np.uint8).reshape(-1, 4)[-1]
        assert (newest == 254).all()
        assert served.view.heat is not None
        detail = served.view.heat.detail("x0002")
        assert detail is not None
        assert len(detail["labels"]) == len(detail["reference"]) == len(detail["current"])
        assert sum(detail["reference"]) == 500 and sum(detail["current"]) == detail["rows"] == 100
        assert served.view.heat.detail("nothing") is None

    def test_the_past_stays_when_another_version_takes_over(self, served: Served) -> None:
        from tests.monitoring.stream import make_reference, numeric_columns

        served.records(100, shift=3.0)
        hot = served.view.heat
        served.view.follow(3, make_reference(served.spec, numeric_columns(served.rng.normal(size=(500, 4)))))
        assert hot is not None and served.view.heat is not None
        assert np.nanmax(served.view.heat.timeline["psi"]) == np.nanmax(hot.timeline["psi"]) > 1


class TestEvents:
    def test_an_event_told_again_is_the_same_event(self, served: Served) -> None:
        for severity in ("warning", "alarm"):
            served.feed(served.spec.topics.drift_events, [event(0, severity).to_json()])
        (one,) = served.view.section("events")["newest"]
        assert one["severity"] == "alarm" and one["standing"]

    def test_it_stands_until_another_version_answers(self, served: Served) -> None:
        served.drift()
        change = ModelEvent(event_id="p", stream="pumps", kind=kind("promoted"), version=3, at=now() + 1, job_id="j")
        before = served.view.sections()["events"]
        served.feed(served.spec.topics.model_events, [change.to_json()])
        assert not served.view.section("events")["newest"][0]["standing"]
        assert served.view.sections()["events"] != before
        assert served.view.happened.open_event() is None

    def test_it_does_not_stand_once_it_is_closed(self, served: Served) -> None:
        served.drift()
        closed = event(0).model_copy(update={"state": "closed", "closed_because": "recovered"})
        served.feed(served.spec.topics.drift_events, [closed.to_json()])
        (one,) = served.view.section("events")["newest"]
        assert (one["state"], one["closed_because"], one["standing"]) == ("closed", "recovered", False)
        assert served.view.happened.open_event() is None

    def test_memory_is_bounded(self, served: Served) -> None:
        served.drift(MOST_EVENTS + 50)
        assert len(served.view.happened.events) == MOST_EVENTS
        assert served.view.happened.page(0, 1)[0]["id"] == f"e{MOST_EVENTS + 49}"
        assert len(served.view.section("line")["marks"]) <= 400

    def test_what_is_no_record_is_passed_over(self, served: Served) -> None:
        topics = served.spec.topics
        for topic in (topics.drift_events, topics.audit, topics.predictions, topics.labels, topics.dead_letters):
            served.feed(topic, [b"{", None, b"[]", b"\xff"])
        served.drift()
        assert len(served.view.section("events")["newest"]) == 1


class TestDeadLetters:
    def test_are_counted_and_only_the_newest_are_kept(self, served: Served) -> None:
        letter = (
            b'{"source_topic":"t","source_partition":0,"source_offset":%d,"reason":"wrong-type",'
            b'"detail":"%s","payload_base64":"","payload_bytes":0,"dead_at":1}'
        )
        served.feed(served.spec.topics.dead_letters, [letter % (i, b"secret: 3") for i in range(200)])
        shown = served.view.section("letters")
        assert shown["total"] == 200 and len(shown["samples"]) == SAMPLES
        assert shown["samples"][0]["offset"] == 199
        # What stands before the colon may be a part of the record itself.
        assert shown["samples"][0]["place"] == ""


class TestASectionIsSentOnlyWhenItHasChanged:
    def test_and_then_it_is(self, served: Served) -> None:
        known: dict[str, str] = {}
        first = served.console.told(known, set())
        assert set(first) == {
            "head", "line", "heat", "registry", "services", "letters", "events", "jobs", "acts",
        }  # fmt: skip
        assert served.console.told(known, set()) == {}
        served.drift()
        assert set(served.console.told(known, {"head"})) == {"events", "line"}
        assert set(served.console.told(known, set())) == {"head"}


class TestTheIndexOfNow:
    def test_is_against_the_version_in_service_whatever_the_column_held_before(self, served: Served) -> None:
        from tests.monitoring.stream import make_reference, numeric_columns

        served.records(100, shift=3.0)
        moved = make_reference(served.spec, numeric_columns(served.rng.normal(size=(500, 4)) + 3.0))
        served.view.follow(3, moved)
        assert set(base64.b64decode(served.view.section("heat")["now"])) == {0}
        assert set(base64.b64decode(served.view.section("heat")["newest"])[-4:]) == {254}
