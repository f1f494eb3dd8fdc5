"""What the demo's report promises: its figures are those of the run, and a swap is where the stream shows it."""

from typing import Any

import numpy as np
import pytest

from driftline.demo.report import Course, accuracies, build, course, event_entry, rolling
from driftline.demo.story import CHANGES
from driftline.records import Blame, DriftEvent, DriftKind, ModelEvent, ModelEventKind, Position, RetrainingJob, Window
from driftline.watch.ledger import Ledger
from tests.streams import NOW, batch
from tests.watch.books import SPEC, TOPICS, features, letter, prediction

FIRST, SECOND = CHANGES
END = 5_000


def run(*swaps: tuple[int, int], rows: range = range(600, END)) -> Course:
    """A stream whose answers are right until a change and again from the next swap on."""
    numbers = np.array(rows)
    versions = np.ones(len(numbers), int)
    correct = np.ones(len(numbers), bool)
    for row, version in swaps:
        versions[numbers >= row] = version
    for change in CHANGES:
        mended = next((row for row, _ in swaps if row > change), END)
        correct[(numbers >= change) & (numbers < mended)] = False
    return Course(numbers, correct, versions, numbers < FIRST)


class TestSwaps:
    def test_each_is_found_at_its_first_row(self) -> None:
        assert run((2_100, 2), (3_900, 3)).swaps() == [(2_100, 2), (3_900, 3)]
        assert run().swaps() == []

    def test_back_to_an_earlier_version_is_one_too(self) -> None:
        assert run((2_100, 2), (3_900, 1)).swaps() == [(2_100, 2), (3_900, 1)]

    def test_partitions_that_swap_a_moment_apart_are_one_swap(self) -> None:
        made = run((2_100, 2))
        versions = made.versions.copy()
        late = (made.rows >= 2_100) & (made.rows < 2_112) & (made.rows % 4 == 1)
        versions[late] = 1
        assert Course(made.rows, made.correct, versions, made.static).swaps() == [(2_100, 2)]

    def test_a_stream_without_labels_has_none(self) -> None:
        assert course(Ledger(SPEC), {}).swaps() == []


class TestAccuracies:
    def test_the_parts_of_the_stream_are_told_apart(self) -> None:
        made = run((2_100, 2), (3_900, 3))
        figures = accuracies(made, [row for row, _ in made.swaps()])
        assert figures["before_drift"] == 1.0
        assert figures["in_drift"] == 0.0
        assert figures["after_recovery"] == 1.0
        wrong = (2_100 - FIRST) + (3_900 - SECOND)
        assert figures["loop"] == round(1 - wrong / (END - 600), 4)
        assert figures["static_model"] == round((FIRST - 600) / (END - 600), 4)

    def test_without_a_swap_all_after_a_change_is_drift(self) -> None:
        figures = accuracies(run(), [])
        assert (figures["before_drift"], figures["in_drift"], figures["after_recovery"]) == (1.0, 0.0, None)

    def test_a_swap_before_the_change_mends_nothing(self) -> None:
        made = run((1_000, 2))
        assert accuracies(made, [1_000])["in_drift"] == 0.0
        assert accuracies(made, [1_000])["after_recovery"] is None

    def test_a_run_that_ended_before_the_change(self) -> None:
        figures = accuracies(run(rows=range(600, 1_000)), [])
        assert figures["before_drift"] == figures["loop"] == 1.0
        assert figures["in_drift"] is figures["after_recovery"] is None

    def test_nothing_labelled(self) -> None:
        assert set(accuracies(course(Ledger(SPEC), {}), []).values()) == {None}


class TestRolling:
    def test_over_fewer_at_the_beginning(self) -> None:
        np.testing.assert_allclose(rolling(np.array([1, 0, 1, 1, 1], bool), 2), [1, 0.5, 0.5, 1, 1])

    @pytest.mark.parametrize("window", [1, 3, 50])
    def test_as_the_plain_mean(self, window: int) -> None:
        values = np.random.default_rng(2).random(40) < 0.4
        plain = [values[max(0, i + 1 - window) : i + 1].mean() for i in range(len(values))]
        np.testing.assert_allclose(rolling(values, window), plain)

    def test_of_nothing(self) -> None:
        assert rolling(np.zeros(0, bool), 5).shape == (0,)


def drift_event(row: int | None, onset: int | None = None, **fields: Any) -> DriftEvent:
    def place(number: int | None) -> Position:
        return Position(record_id=None if number is None else f"insects-{number}")

    return DriftEvent(
        event_id="e",
        stream="pumps",
        kind=DriftKind.CONCEPT,
        severity="alarm",
        detector="adwin",
        model_version=1,
        detected_at=NOW,
        detected=place(row),
        onset=place(onset),
        summary="errors rose",
        **fields,
    )


class TestDriftEvents:
    def test_delay_counts_from_the_last_known_change(self) -> None:
        entries = [event_entry(drift_event(row)) for row in (FIRST + 80, SECOND + 5)]
        assert [entry["delay_records"] for entry in entries] == [80, 5]

    def test_before_any_change_there_is_none(self) -> None:
        entry = event_entry(drift_event(FIRST - 1, FIRST - 50))
        assert (entry["row"], entry["onset_row"], entry["delay_records"]) == (FIRST - 1, FIRST - 50, None)

    def test_of_an_unknown_place_nothing_is_said(self) -> None:
        entry = event_entry(drift_event(None))
        assert (entry["row"], entry["onset_row"], entry["delay_records"]) == (None, None, None)

    def test_the_features_to_blame_are_named_worst_first(self) -> None:
        blames = [Blame(feature=f"f{i}", score=9 - i) for i in range(7)]
        assert event_entry(drift_event(FIRST, features=blames))["features"] == ["f0", "f1", "f2", "f3", "f4"]


class TestTheWhole:
    def test_every_figure_comes_from_the_books(self) -> None:
        ledger = Ledger(SPEC)
        job = RetrainingJob(
            job_id="j", stream="pumps", requested_by="policy", reason="drift", requested_at=NOW, champion_version=1,
            window=Window(features={}, labels={}), labelled_records=300,
        )  # fmt: skip
        events = [
            ModelEvent(event_id="a", stream="pumps", kind=ModelEventKind.PROMOTED, version=1, at=NOW),
            ModelEvent(
                event_id="b",
                stream="pumps",
                kind=ModelEventKind.PROMOTED,
                version=2,
                job_id="j",
                at=NOW,
                seconds=4.0,
                reasons=["better"],
            ),
            ModelEvent(event_id="c", stream="pumps", kind=ModelEventKind.REFUSED, job_id="k", at=NOW),
        ]
        ledger.take(
            [
                features(0, 200),
                *[prediction(i, version=1 if i < 100 else 2, record_id=f"insects-{i}") for i in range(199)],
                letter(199),
                batch([drift_event(FIRST + 9).to_json()], TOPICS.drift_events),
                batch([job.to_json()], TOPICS.retraining_jobs),
                batch([event.to_json() for event in events], TOPICS.model_events),
            ]
        )
        for i in range(199):
            ledger.take([batch([_label(i)], TOPICS.labels)])
        made = build(ledger, course(ledger, {i: i % 2 == 0 for i in range(200)}), 12.34, {"train": 3.21})
        counts = ("records", "predictions", "labels", "lost", "duplicates", "dead_letters")
        assert [made[key] for key in counts] == [200, 199, 199, 0, 0, 1]
        assert [entry["delay_records"] for entry in made["drift_events"]] == [9]
        assert made["retrainings"] == 1
        assert made["promotions"] == [
            {"version": 2, "kind": "promoted", "first_row": 100, "seconds": 4.0, "reasons": ["better"]}
        ]
        assert made["verdicts"] == ["promoted", "refused"]
        assert made["accuracy"]["loop"] == 1.0
        assert made["accuracy"]["static_model"] == round(100 / 199, 4)
        assert made["latency_ms"] == {"median": 0.0, "p99": 0.0}
        assert (made["seconds"], made["stage_seconds"]) == (12.3, {"train": 3.2})

    def test_of_a_run_that_never_was(self) -> None:
        made = build(Ledger(SPEC), course(Ledger(SPEC), {}), 0.0, {})
        assert (made["records"], made["lost"], made["promotions"]) == (0, 0, [])
        assert made["latency_ms"] == {"median": None, "p99": None}


def _label(row: int) -> bytes:
    return b'{"record_id":"insects-%d","device_id":"d1","label":"ok","labelled_at":1}' % row
