"""What an event carries for its plots: true to what was seen, bounded, and made of nothing but what is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.records import DriftEvent, DriftKind
from monitoring.core import MonitorCore
from monitoring.distribution.layout import Layout
from monitoring.events.exhibits import MOST_BINS, MOST_HISTOGRAMS, MOST_STRETCHES, course_of, edge_words, histogram
from monitoring.labels.casebook import Cases
from tests.monitoring.fleet import Patrol, fleet_spec
from tests.monitoring.stream import EPOCH, STEP_MS, Broker, events_of, make_reference, make_spec, numeric_columns

AT = 4_000


def cases(wrong: list[bool]) -> Cases:
    n = len(wrong)
    nothing = np.zeros(n, dtype=np.int64)
    return Cases(
        np.array(wrong, dtype=bool), np.full(n, "d", dtype=object), nothing, nothing, np.empty((n, 0), np.int64),
        np.arange(n, dtype=np.int64) * 10, np.arange(n, dtype=np.int64),
    )  # fmt: skip


class TestHistogram:
    @given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=70))
    def test_holds_every_record_in_few_bins(self, counts: list[tuple[int, int]]) -> None:
        before, after = (np.array([pair[side] for pair in counts], dtype=np.int64) for side in (0, 1))
        layout = Layout({"other": [3, 4], "x": before.tolist()})
        made = histogram(layout, 1, np.concatenate([[9, 9], after]), [f"b{i}" for i in range(len(counts))])
        assert len(made.bins) == len(made.reference) == len(made.current) <= MOST_BINS
        for shares, total in ((made.reference, before.sum()), (made.current, after.sum())):
            # Shares are rounded to four digits each.
            assert sum(shares) == pytest.approx(1.0 if total else 0.0, abs=1e-3)

    def test_leaves_out_what_neither_side_has_and_keeps_the_order(self) -> None:
        made = histogram(Layout({"x": [10, 0, 30, 0]}), 0, np.array([0, 0, 20, 20]), ["a", "b", "c", "missing"])
        assert made.bins == ["a", "c", "missing"]
        assert made.reference == [0.25, 0.75, 0.0]
        assert made.current == [0.0, 0.5, 0.5]

    def test_of_many_categories_those_that_changed_are_kept(self) -> None:
        before = np.full(100, 10)
        after = before.copy()
        after[77] = 900
        made = histogram(Layout({"x": before.tolist()}), 0, after, [f"c{i}" for i in range(100)])
        assert "c77" in made.bins
        assert made.bins[-1] == "81 others"

    @given(st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1, max_size=15, unique=True))
    def test_no_two_bins_have_the_same_name(self, edges: list[float]) -> None:
        words = edge_words(sorted(edges))
        assert len(set(words)) == len(words) == len(edges) + 1


class TestCourse:
    @given(st.lists(st.booleans(), max_size=700), st.integers(0, 700))
    def test_counts_each_outcome_at_most_once_and_one_stretch_begins_at_the_onset(
        self, wrong: list[bool], onset: int
    ) -> None:
        onset = min(onset, len(wrong))
        made = course_of(cases(wrong), onset)
        if made is None:
            assert len(wrong) < 20
            return
        assert len(made.times) == len(made.records) == len(made.right) <= MOST_STRETCHES
        assert sum(made.records) <= len(wrong)
        # The onset's own stretch is there as soon as it is full.
        if len(wrong) - onset >= max(made.records):
            assert onset * 10 in made.times
        for time, records, right in zip(made.times, made.records, made.right, strict=True):
            first = time // 10
            assert right == pytest.approx(1 - np.mean(wrong[first : first + records]), abs=1e-4)


@pytest.fixture(scope="module")
def told() -> dict[DriftKind, list[DriftEvent]]:
    """A fleet whose concept changes at 4,000, and its features at 6,000."""
    run = Patrol("devices: 10\ndrift: [{at: 4000}, {at: 6000, target: data}]", spec=fleet_spec())
    run.run()
    return {kind: [event for _, event in run.of(kind)] for kind in DriftKind}


class TestAnEventOfTheRealMonitor:
    def test_of_concept_shows_the_fall_at_the_onset(self, told: dict[DriftKind, list[DriftEvent]]) -> None:
        event = told[DriftKind.CONCEPT][-1]
        course, onset = event.course, event.onset.event_time
        assert course is not None and onset is not None
        assert onset in course.times
        right = np.array(course.right)
        before = np.array(course.times) < onset
        assert before.sum() >= 10 and (~before).sum() >= 10
        assert 1 - right[before].mean() == pytest.approx(event.evidence["error_before"], abs=0.03)
        assert right[before].min() > right[~before].max()

    def test_of_concept_knows_between_which_records_it_began(self, told: dict[DriftKind, list[DriftEvent]]) -> None:
        for event in told[DriftKind.CONCEPT]:
            assert event.onset_between is not None
            first, last = event.onset_between
            assert first <= EPOCH + AT * STEP_MS <= last
            assert first <= (event.onset.event_time or 0) <= last
            assert last - first <= 40 * STEP_MS

    def test_of_one_answer_is_of_the_records_that_got_it(self) -> None:
        run = Patrol("devices: 10\ndrift: [{at: 4000, target: data}]")
        run.run(stop=4_544)
        _, event = run.of(DriftKind.CONCEPT)[0]
        course, onset = event.course, event.onset.event_time
        assert event.answer is not None and f"where it answers {event.answer!r}" in event.summary
        assert course is not None and onset is not None
        hit = run.answers == event.answer
        rows = (np.array(course.times) - EPOCH) // STEP_MS
        assert hit[rows].all()
        first = int(rows[0])
        right = (run.answers == run.labels)[first:][hit[first:]][: sum(course.records)]
        assert np.average(course.right, weights=course.records) == pytest.approx(right.mean(), abs=1e-3)
        assert event.onset_between is not None
        assert event.onset_between[0] <= EPOCH + AT * STEP_MS <= event.onset_between[1]

    def test_of_data_shows_where_its_features_went(self, told: dict[DriftKind, list[DriftEvent]]) -> None:
        for event in told[DriftKind.DATA]:
            assert event.onset_between is not None
            assert event.onset_between[0] <= EPOCH + 6_000 * STEP_MS <= event.onset_between[1]
            for blame in event.features[:MOST_HISTOGRAMS]:
                assert blame.histogram is not None
                before, now = np.array(blame.histogram.reference), np.array(blame.histogram.current)
                # An empty bin counts as half a record, and the index told is less by what chance gives to any window.
                now = np.maximum(now, 0.5 / event.evidence["window_records"])
                assert ((now - before) * np.log(now / before)).sum() == pytest.approx(blame.score, rel=0.15, abs=0.1)

    def test_is_some_kilobytes(self, told: dict[DriftKind, list[DriftEvent]]) -> None:
        assert max(len(event.to_json()) for events in told.values() for event in events) < 20_000

    def test_what_the_policy_keeps_of_it_has_no_plots(self, told: dict[DriftKind, list[DriftEvent]]) -> None:
        event = told[DriftKind.DATA][-1]
        brief = event.brief()
        assert len(brief.to_json()) < len(event.to_json()) / 2
        assert brief.course is None and {blame.histogram for blame in brief.features} == {None}
        assert [blame.detail for blame in brief.features] == [blame.detail for blame in event.features]

    def test_of_a_thousand_features_is_not_larger(self) -> None:
        width, rng = 300, np.random.default_rng(0)
        spec = make_spec([{"name": f"f{i}", "type": "numeric"} for i in range(width)])
        core, broker = MonitorCore(spec), Broker(spec)
        core.install(1, make_reference(spec, numeric_columns(rng.normal(size=(2_000, width)))), 1)
        (event, *_) = [
            event
            for start in range(0, 1_600, 200)
            for event in events_of(
                core.process(
                    broker.features(range(start, start + 200), rng.normal(3.0 * (start >= 800), 1.0, (200, width))),
                    EPOCH + (start + 200) * STEP_MS,
                )
            )
        ]
        assert len(event.features) == 20
        assert sum(blame.histogram is not None for blame in event.features) == MOST_HISTOGRAMS
        assert len(event.to_json()) < 20_000

    def test_what_is_remembered_no_more_stays_as_it_was_told(self) -> None:
        """A drift that outlives the book of outcomes: its last record still shows the time before it."""
        spec = fleet_spec(policy={"maximum_window": 1_000}, update_records=100)
        run = Patrol("devices: 10\ndrift: [{at: 4000, kind: gradual, width: 3000}]", spec=spec)
        run.run()
        event = run.of(DriftKind.CONCEPT)[-1][1]
        assert run.of(DriftKind.CONCEPT)[-1][0] > AT + 1_500
        assert event.course is not None
        assert event.course.times[0] < (event.onset.event_time or 0)


def test_an_event_of_an_older_monitor_still_decodes() -> None:
    run = Patrol("devices: 10\ndrift: [{at: 4000}]")
    run.run(stop=4_544)
    _, event = run.events[-1]
    old = event.model_dump(exclude={"course", "onset_between"})
    for blame in old["features"]:
        del blame["histogram"]
    read = DriftEvent.model_validate(old)
    assert (read.course, read.onset_between) == (None, None)
    assert read.summary == event.summary
