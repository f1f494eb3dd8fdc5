"""A period put together from hand-made records, and the page it makes."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from driftline.cli.report import span_ms
from driftline.errors import UsageError
from driftline.period.facts import Answers, Facts, facts, to_watch
from driftline.period.page import headline, period_page
from driftline.records.loop import Blame, DriftEvent, ModelEvent, Position, RetrainingJob, Window

EVIL = "<script>alert(1)</script>"


def drift(name: str, at: int, state: str = "opened", **more: object) -> DriftEvent:
    return DriftEvent.model_validate(
        {
            "event_id": name, "stream": "pumps", "kind": "concept", "severity": "alarm", "detector": "d",
            "model_version": 1, "detected_at": at, "told_at": at, "detected": Position(), "state": state,
            "onset": Position(event_time=at - 50, record_id="r1"), "summary": f"Model 1 is wrong {EVIL}",
            "evidence": {"error_before": 0.1, "error_after": 0.6},
            "features": [Blame(feature="x", score=1.0, detail="mean 0 → 1")], **more,
        }
    )  # fmt: skip


JOB = RetrainingJob(
    job_id="j", stream="pumps", requested_by="policy", reason="r", requested_at=1_200, drift_event_id="a",
    champion_version=1, window=Window(features={}, labels={}), labelled_records=200,
)  # fmt: skip
PROMOTED = ModelEvent(
    event_id="e", stream="pumps", kind="promoted", version=2, previous_version=1, sequence=2, job_id="j",
    at=1_300, seconds=4.0, reasons=["better"],
)  # fmt: skip


def period(**more: object) -> Facts:
    times = np.arange(1_000, 2_000, dtype=np.int64)
    right = np.ones(1_000, dtype=bool)
    right[100:300] = False
    given = {
        "answered": 1_500, "answers": Answers(times, right, np.where(times < 1_300, 1, 2)), "dead": Counter(),
        "events": [drift("a", 1_100), drift("a", 1_400, "closed", closed_because="new-version")],
        "jobs": [JOB], "model_events": [PROMOTED], **more,
    }  # fmt: skip
    return facts("pumps", 1_000, 2_000, **given)  # type: ignore[arg-type]


class TestTheFacts:
    def test_join_a_drift_with_what_was_done_about_it(self) -> None:
        found = period()
        (case,) = found.cases
        assert (case.opened_at, case.standing) == (1_100, False)
        assert case.jobs == (JOB,) and case.verdicts == (PROMOTED,)
        assert found.training_seconds == 4.0
        assert found.accuracy == 0.8
        assert found.by_version == [(1, 300, pytest.approx(1 / 3)), (2, 700, 1.0)]
        assert to_watch(found) == [("good", "nothing stands, nothing failed")]

    def test_leave_out_what_was_before_or_after_but_not_a_drift_that_still_stood(self) -> None:
        old = drift("old", 200)
        over = [drift("over", 300), drift("over", 900, "closed", closed_because="recovered")]
        found = period(events=[old, *over, drift("later", 2_500)], jobs=[JOB.model_copy(update={"requested_at": 10})])
        assert [case.event.event_id for case in found.cases] == ["old"]
        assert found.cases[0].standing and found.jobs == ()

    def test_the_line_holds_every_answer_once(self) -> None:
        times, values = period().line()
        assert len(times) == len(values) == 120
        assert (np.diff(times) > 0).all()
        assert values.min() == 0 and values.max() == 1
        none = period(answers=Answers(np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, np.int64)))
        assert none.accuracy is None and len(none.line()[0]) == 0

    def test_say_what_to_watch(self) -> None:
        refused = ModelEvent.model_validate({**PROMOTED.model_dump(), "kind": "refused", "reasons": ["no gain"]})
        found = period(
            events=[drift("a", 1_100)],
            model_events=[refused, refused.model_copy(update={"event_id": "f"})],
            dead=Counter({"not-finite": 90, "too-large": 10}),
            answered=30_000,
        )
        said = [text for _, text in to_watch(found)]
        assert said[0].startswith("still standing: Model 1 is wrong")
        assert said[1] == "2 retrainings brought no model: no gain"
        assert len(said) == 3 and said[2].startswith("3.3% of the answers have a label")
        assert "6.2% of the records were refused, most of them (90) as not-finite" in [
            text for _, text in to_watch(period(dead=found.dead))
        ]


class TestThePage:
    def test_tells_it_and_nothing_of_a_record_becomes_markup(self, tmp_path: Path) -> None:
        written = period_page(period()).write(tmp_path / "r.html", tmp_path / "png")
        html = (tmp_path / "r.html").read_text()
        assert EVIL not in html and "&lt;script&gt;" in html
        for words in ("error", "10.0% → 60.0%", "x (mean 0 → 1)", "over (new-version)", "version 2 promoted", "4"):
            assert words in html
        assert [path.name for path in written] == ["r.html", "accuracy.png"]
        assert (tmp_path / "png" / "accuracy.png").read_bytes().startswith(b"\x89PNG")

    def test_of_a_quiet_time_is_a_page_too(self, tmp_path: Path) -> None:
        empty = Answers(np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, np.int64))
        found = period(events=[], jobs=[], model_events=[], answers=empty, answered=0)
        assert "no label has come" in headline(found)
        period_page(found).write(tmp_path / "r.html")
        assert "No drift was told." in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0h", "1w", "1.5h"])
def test_a_period_that_is_none_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="--last: read"):
        span_ms(text)
