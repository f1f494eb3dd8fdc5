"""A drift event put together from the loop's records, told in words and on a page."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.drifts.case import Case, find, gather
from driftline.drifts.page import drift_page
from driftline.drifts.words import (
    blame_words,
    how_it_unfolded,
    in_short,
    part_words,
    what_changed,
    what_was_done,
    whom_it_hits,
)
from driftline.errors import UsageError
from driftline.records import (
    Blame,
    BlamedPart,
    Course,
    DriftEvent,
    Histogram,
    ModelEvent,
    Position,
    RetrainingJob,
    Window,
)
from driftline.spec.policy import PolicySpec

EVIL = "<script>alert(1)</script>$x$"
POLICY = PolicySpec()
START = 1_780_000_000_000


def event(name: str = "concept-1a", at: int = 10, **more: object) -> DriftEvent:
    course = Course(
        times=[START + 1_000 * i for i in range(20)], records=[50] * 20, right=[0.9] * 10 + [0.3] * 10,
    )  # fmt: skip
    return DriftEvent.model_validate(
        {
            "event_id": name, "stream": "pumps", "kind": "concept", "severity": "alarm", "detector": "e-detector",
            "model_version": 1, "detected_at": START + 1_000 * at, "told_at": START + 1_000 * at,
            "detected": Position(event_time=START + 12_000),
            "onset": Position(record_id="r7", event_time=START + 10_000, features={0: 70, 1: 65}, labels={0: 3}),
            "onset_between": (START + 9_000, START + 11_000), "summary": f"Model 1 is wrong {EVIL}.",
            "evidence": {"error_before": 0.1, "error_after": 0.7, "labelled_since_onset": 500.0, "e_value": 2e7},
            "shape": "abrupt", "cause": "world", "course": course,
            "features": [
                Blame(
                    feature=f"load {EVIL}", score=1.2, p_value=0.0, detail="mean 0 → 1",
                    effects={"kolmogorov-smirnov": 0.4, "missing": 0.1},
                    histogram=Histogram(bins=["up to 0", "above 0"], reference=[0.5, 0.5], current=[0.1, 0.9]),
                )
            ],
            "classes": [BlamedPart(name="worn", part_of="class", before=0.1, after=0.9, records=40, p_value=1e-9)],
            "devices": [BlamedPart(name=f"d1 {EVIL}", part_of="device", before=0.1, after=0.8, records=40)],
            "segments": [
                BlamedPart(name="north", part_of="site", before=0.1, after=0.8, records=40),
                BlamedPart(name=f"d1 {EVIL}", part_of="device_id", before=0.1, after=0.8, records=40),
            ],
            **more,
        }
    )  # fmt: skip


JOB = RetrainingJob(
    job_id="job-1", stream="pumps", requested_by="policy", reason="concept drift, alarm: so",
    requested_at=START + 13_000, drift_event_id="concept-1a",
    champion_version=1, window=Window(features={}, labels={}), labelled_records=200,
)  # fmt: skip
PROMOTED = ModelEvent(
    event_id="e", stream="pumps", kind="promoted", version=2, previous_version=1, sequence=2, job_id="job-1",
    at=START + 20_000, seconds=4.0,
)  # fmt: skip


def case(*events: DriftEvent, jobs: tuple[RetrainingJob, ...] = (), verdicts: tuple[ModelEvent, ...] = ()) -> Case:
    (found,) = gather(events or (event(),), jobs, verdicts)
    return found


PAIR = Blame(feature="(a × b)", score=0.4, detail="correlation 0.10 → 0.50", effects={"correlation": 0.4})


class TestGathering:
    def test_joins_an_event_with_its_records_its_jobs_and_what_became_of_them(self) -> None:
        first = event(at=10)
        later = event(at=40, state="updated", revision=1, grown=True)
        other = event("data-2b", at=5, kind="data")
        # A service that died told the first twice; a job and a verdict of another event lie between.
        strange = JOB.model_copy(update={"job_id": "job-9", "drift_event_id": "gone"})
        cases = gather([first, other, first, later], [strange, JOB, JOB], [PROMOTED, PROMOTED])
        assert [one.event.event_id for one in cases] == ["data-2b", "concept-1a"]
        found = cases[1]
        assert found.event == later and found.records == (first, later)
        assert found.opened_at == START + 10_000
        assert found.jobs == (JOB,) and found.verdicts == (PROMOTED,)
        assert found.verdict(JOB) == PROMOTED
        assert cases[0].jobs == ()

    @given(st.lists(st.sampled_from(["a", "b", "ab", "abc", "c"]), max_size=8))
    def test_keeps_every_event_once(self, names: list[str]) -> None:
        cases = gather([event(name, at) for at, name in enumerate(names)], [], [])
        assert [one.event.event_id for one in cases] == list(dict.fromkeys(names))
        for name in set(names):
            # An id that begins another's is still itself.
            assert find(cases, name).event.event_id == name


class TestFinding:
    CASES = gather([event(f"concept-{i}x") for i in range(9)] + [event("data-1", at=99)], [], [])

    def test_by_id_by_beginning_and_the_newest(self) -> None:
        for name in ("data-1", "d", "last"):
            assert find(self.CASES, name).event.event_id == "data-1"
        assert find(self.CASES, "concept-3").event.event_id == "concept-3x"

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("concept", r"'concept', which begins 9 ids: concept-0x, .* and 4 more"),
            ("", r"read ''; allowed: `last`"),
            ("nothing", r"read 'nothing'; allowed: `last`, or the beginning of one of 10 ids: data-1, "),
        ],
    )
    def test_what_is_none_is_refused_with_what_there_is(self, name: str, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            find(self.CASES, name)

    def test_on_a_stream_without_drift(self) -> None:
        with pytest.raises(UsageError, match="no drift was told on this stream yet"):
            find([], "last")


class TestWords:
    def test_say_what_changed_since_when_and_how_surely(self) -> None:
        said = dict(what_changed(case()))
        assert said["kind"].startswith("concept drift, P(y|x)")
        assert said["since"] == (
            "2026-05-28 20:26:50, record r7; between 2026-05-28 20:26:49 and 2026-05-28 20:26:51 (with 95% confidence)"
        )
        assert said["from offset"] == "features 0:70, 1:65; labels 0:3 (partition:offset)"
        assert said["told"] == "2026-05-28 20:26:50 by e-detector, 2 s of the stream after the onset"
        assert said["error"] == "10.0% → 70.0%; 500 labelled records since the onset"
        assert said["evidence"].startswith("e-value 2e+07")
        assert said["state"] == "alarm, stands"

    def test_say_so_where_the_figures_are_of_one_answer(self) -> None:
        said = dict(what_changed(case(event(answer="worn"))))
        assert said["error"].startswith('10.0% → 70.0%, where it answers "worn"; ')

    def test_say_whom_it_hits_once(self) -> None:
        lines = whom_it_hits(event())
        assert [about for about, _ in lines] == [f"feature load {EVIL}", "class", "device", "site"]
        assert lines[0][1] == "mean 0 → 1; PSI 1.2, Kolmogorov-Smirnov 0.4, missing +10% of the records; p < 1e-300"
        assert lines[1][1] == "worn 10.0% → 90.0%; 40 records; p = 1e-09"

    def test_of_pairs_and_scores(self) -> None:
        assert blame_words(PAIR) == "correlation 0.10 → 0.50; correlation 0.4"
        device = BlamedPart(name="d", part_of="device", records=9, score=0.5, detail='device "d" stuck')
        assert part_words(device) == 'device "d" stuck; 9 records; PSI 0.5'

    def test_say_what_was_done_and_what_came_of_it(self) -> None:
        done = case(event(state="closed", closed_because="new-version"), jobs=(JOB,), verdicts=(PROMOTED,))
        lines = what_was_done(done, POLICY)
        assert lines[0][1].startswith("retraining asked for by the policy, on 200 labelled records (job-1,")
        assert lines[1] == ("2026-05-28 20:27:00", "version 2 promoted, replacing version 1 after 4.0 s")
        assert in_short(done) == "job-1 (retrain-onset) promoted → version 2"
        again = JOB.model_copy(update={"job_id": "job-2", "reason": "worse than version 1"})
        asked = case(jobs=(JOB, again))
        assert ("because", "worse than version 1") in what_was_done(asked, POLICY)
        assert in_short(asked) == "2 jobs, the last: job-2 (retrain-onset), no verdict known"

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"cause": "sensor"}, "no training mends a sensor"),
            ({"kind": "data"}, "wants `notify` at data drift of severity alarm"),
            ({"severity": "warning"}, "wants `notify` at concept drift of severity warning"),
            ({}, "wants `retrain-onset`; it waits for labelled records since the onset (50 for the archive, 100"),
            ({"state": "closed", "closed_because": "recovered"}, "the drift was over before a job was due"),
        ],
    )
    def test_say_why_nothing_was_done(self, changes: dict[str, object], said: str) -> None:
        ((about, why),) = what_was_done(case(event(**changes)), POLICY)
        assert about == "nothing" and said in why

    def test_the_policy_is_the_streams_own(self) -> None:
        policy = PolicySpec.model_validate({"actions": {"data": {"alarm": "recall"}}, "minimum_severity": "warning"})
        assert "wants `recall`" in what_was_done(case(event(kind="data")), policy)[0][1]
        assert "wants `retrain-onset`" in what_was_done(case(event(severity="warning")), policy)[0][1]

    def test_tell_how_it_unfolded(self) -> None:
        lines = how_it_unfolded(case(event(), event(at=30, state="updated", revision=1, grown=True)))
        assert [text.split(":")[0] for _, text in lines] == ["opened", "updated, grown to an alarm"]

    def test_an_event_that_knows_hardly_anything(self) -> None:
        bare = event(
            onset=Position(), detected=Position(), onset_between=None, evidence={}, shape=None, cause=None, course=None,
            features=[], classes=[], devices=[], segments=[],
        )  # fmt: skip
        said = dict(what_changed(case(bare)))
        assert said["since"] == "unknown, record unknown" and said["from offset"] == "unknown"
        assert whom_it_hits(bare) == []


class TestThePage:
    def test_holds_every_picture_and_nothing_of_a_record_becomes_markup(self, tmp_path: Path) -> None:
        told = case(event(), event(at=30, state="updated", revision=1), jobs=(JOB,), verdicts=(PROMOTED,))
        written = drift_page(told, POLICY).write(tmp_path / "e.html", tmp_path / "png")
        html = (tmp_path / "e.html").read_text()
        assert EVIL not in html and "&lt;script&gt;" in html
        assert {path.stem for path in written[1:]} == {
            "accuracy", "effects", "feature-1", "classes", "devices", "segment-1",
        }  # fmt: skip
        assert html.count("<img") == 6
        for words in (
            "Before the onset at 2026-05-28 20:26:50 90.0%, since 30.0%.",
            "the reference against now. Most changed: up to 0: 50.0% → 10.0%",
            "version 2 promoted", "with 95% confidence", "How it unfolded",
        ):  # fmt: skip
            assert words in html
        assert "http" not in html.replace("http-equiv", "")

    @pytest.mark.parametrize(
        "changes",
        [
            {"course": None, "features": [], "classes": [], "devices": [], "segments": []},
            {"course": None, "kind": "data", "features": [PAIR]},
            {"kind": "prediction", "devices": [BlamedPart(name="d", part_of="device", score=0.5)]},
            {"onset": Position(), "onset_between": None},
        ],
        ids=["nothing known", "a pair", "scores", "no onset"],
    )  # fmt: skip
    def test_of_less_is_a_page_too(self, tmp_path: Path, changes: dict[str, object]) -> None:
        drift_page(case(event(**changes)), POLICY).write(tmp_path / "e.html")
        html = (tmp_path / "e.html").read_text()
        assert ("right answers cannot be drawn" in html) == ("course" in changes)
