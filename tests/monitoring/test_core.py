from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from driftline.kafka.interface import Batch
from driftline.records import DriftEvent, DriftKind, ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry import Reference
from driftline.service.core import Stateful, Step
from driftline.spec import StreamSpec
from monitoring.core import MonitorCore
from tests.monitoring.stream import (
    CLASSES,
    EPOCH,
    STEP_MS,
    Broker,
    events_of,
    jobs_of,
    make_reference,
    make_spec,
    numeric_columns,
)

CHANGE = 1_000


def reference_of(spec: StreamSpec, error_rate: float = 0.1) -> Reference:
    rng = np.random.default_rng(99)
    return make_reference(
        spec,
        numeric_columns(rng.normal(size=(1_000, 4))),
        error_rate=error_rate,
        confidence_counts=(0, 0, 0, 200, 0, 0, 0, 0, 0, 0),
    )


@dataclass
class World:
    """Rows as the stream would bring them: the model is wrong with probability `wrong[row]`."""

    spec: StreamSpec
    wrong: NDArray[np.float64]
    shift: NDArray[np.float64]
    partitions: int = 2
    delay: int = 30
    version: int = 1
    seed: int = 0
    batches: list[tuple[list[Batch], int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        broker, n = Broker(self.spec, self.partitions), len(self.wrong)
        matrix = rng.normal(size=(n, 4))
        matrix[:, 1] += self.shift
        truth = rng.integers(0, 3, n)
        answers = np.where(rng.random(n) < self.wrong, (truth + 1) % 3, truth)
        names = np.array(CLASSES, dtype=object)
        labelled = 0
        for at in range(0, n, 20):
            rows = range(at, min(at + 20, n))
            due = range(labelled, max(rows[-1] + 1 - self.delay, 0))
            labelled = max(due.stop, labelled)
            self.batches.append(
                (
                    [
                        *broker.labels(due, names[truth[due]].tolist()),
                        *broker.predictions(rows, names[answers[rows]].tolist(), self.version),
                        *broker.features(rows, matrix[rows]),
                    ],
                    EPOCH + rows[-1] * STEP_MS,
                )
            )


def world(spec: StreamSpec, before: float = 0.1, after: float = 0.7, n: int = 2_000, **changes: Any) -> World:
    wrong = np.where(np.arange(n) < CHANGE, before, after)
    return World(spec, wrong, np.where(np.arange(n) < CHANGE, 0.0, 2.0), **changes)


@dataclass
class Told:
    """What a core said, with the batch in which it said it."""

    events: list[tuple[int, DriftEvent]] = field(default_factory=list)
    jobs: list[tuple[int, RetrainingJob]] = field(default_factory=list)

    def of(self, kind: DriftKind) -> list[DriftEvent]:
        """First records of the events of a kind."""
        return [event for event in self.opened if event.kind is kind]

    @property
    def opened(self) -> list[DriftEvent]:
        return [event for _, event in self.events if event.state == "opened"]


def run(core: MonitorCore, batches: Sequence[tuple[list[Batch], int]]) -> Told:
    told = Told()
    for i, (polled, now_ms) in enumerate(batches):
        step = core.process(polled, now_ms)
        told.events += [(i, event) for event in events_of(step)]
        told.jobs += [(i, job) for job in jobs_of(step)]
    return told


def fresh_core(spec: StreamSpec) -> MonitorCore:
    core = MonitorCore(spec)
    core.assigned(Broker(spec).everything())
    core.install(1, reference_of(spec))
    return core


@pytest.fixture
def spec() -> StreamSpec:
    return make_spec()


class TestAChangeIsTold:
    def test_once_of_each_kind_with_onset_and_blame(self, spec: StreamSpec) -> None:
        told = run(fresh_core(spec), world(spec).batches)
        (concept,), (data,) = told.of(DriftKind.CONCEPT), told.of(DriftKind.DATA)
        assert concept.severity == "alarm"
        assert concept.onset.record_id is not None
        assert abs(int(concept.onset.record_id[1:]) - CHANGE) <= 10
        assert concept.evidence["error_before"] == pytest.approx(0.1, abs=0.03)
        assert concept.evidence["error_after"] > 0.5
        assert concept.evidence["log_likelihood_ratio"] > 10
        assert concept.features[0].feature == "f1"
        assert data.onset.record_id == "r1000"
        assert [blame.feature for blame in data.features] == ["f1"]
        assert "mean" in data.features[0].detail

    def test_the_onset_is_a_place_on_both_topics(self, spec: StreamSpec) -> None:
        told = run(fresh_core(spec), world(spec).batches)
        (concept,) = told.of(DriftKind.CONCEPT)
        onset = int((concept.onset.record_id or "r0")[1:])
        for partition in range(2):
            # Row r of the world is record r // 2 of partition r % 2, in features as in labels.
            expected = (onset - partition + 1) // 2
            assert concept.onset.features[partition] == expected
            assert concept.onset.labels[partition] == expected
        assert concept.detected.features[0] > concept.onset.features[0]

    def test_without_a_model_there_is_nothing_to_judge_but_the_labels_are_joined(self, spec: StreamSpec) -> None:
        core = MonitorCore(spec)
        assert run(core, world(spec).batches).events == []
        assert core.state().join.joined == 1_970
        assert core.state().version is None

    def test_a_quiet_world_is_not_told_of(self, spec: StreamSpec) -> None:
        n = 6_000
        quiet = World(spec, np.full(n, 0.1), np.zeros(n))
        assert run(fresh_core(spec), quiet.batches).events == []


class TestARetrainingIsAskedFor:
    def test_once_with_everything_since_the_onset(self, spec: StreamSpec) -> None:
        told = run(fresh_core(spec), world(spec).batches)
        ((_, job),) = told.jobs
        (concept,) = told.of(DriftKind.CONCEPT)
        assert job.drift_event_id == concept.event_id
        assert job.champion_version == 1
        assert 100 <= job.labelled_records <= 140
        for partition in range(2):
            start, end = job.window.features[partition]
            assert start == concept.onset.features[partition]
            assert end >= start + 50
            assert job.window.labels[partition][0] == concept.onset.labels[partition]

    def test_no_further_back_than_the_largest_window(self) -> None:
        spec = make_spec(monitoring={"policy": {"maximum_window": 300, "minimum_labels": 200}, "accuracy_window": 10})
        core = fresh_core(spec)
        stretch = world(spec, n=1_900).batches
        told = run(core, stretch[:70])
        assert told.jobs
        core.observe(_verdict(told.jobs[0][1], ModelEventKind.REFUSED))
        ((_, again),) = run(core, stretch[70:]).jobs
        assert again.labelled_records <= 300
        assert again.job_id != told.jobs[0][1].job_id

    def test_late_labels_do_not_stretch_the_window(self, spec: StreamSpec) -> None:
        """One label of an early record comes long after the change: its record is not of the new world."""
        batches = world(spec).batches
        topic = spec.topics.labels
        straggler = next(b for b in batches[3][0] if b.topic == topic)
        held = Batch(topic, 7, [0], [0], [None], [straggler.values[0]])
        cut = Batch(topic, straggler.partition, straggler.offsets[1:], [0] * 99, [None] * 99, straggler.values[1:])
        batches[3] = ([b for b in batches[3][0] if b is not straggler] + [cut], batches[3][1])
        batches[53] = ([*batches[53][0], held], batches[53][1])
        told = run(fresh_core(spec), batches)
        ((_, job),) = told.jobs
        assert min(start for start, _ in job.window.features.values()) > 480

    def test_a_monitor_that_is_behind_in_features_asks_for_the_records_that_were_judged(self, spec: StreamSpec) -> None:
        """Catching up, it may have read further in predictions and labels than in features."""
        features = spec.topics.features
        behind = [([b for b in polled if b.topic != features], now) for polled, now in world(spec).batches]
        told = run(fresh_core(spec), behind)
        ((_, job),) = told.jobs
        assert job.labelled_records >= 100
        assert all(end - start >= 50 for start, end in job.window.features.values())


def _verdict(job: RetrainingJob, kind: ModelEventKind, version: int | None = None) -> ModelEvent:
    return ModelEvent(event_id="v", stream="tests", kind=kind, version=version, job_id=job.job_id, sequence=2, at=0)


class TestAPromotionIsNoDrift:
    def test_the_next_version_is_measured_by_its_own_evaluation(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        first = world(spec, n=1_300)
        ((_, job),) = run(core, first.batches).jobs
        changed = numeric_columns(np.random.default_rng(5).normal(loc=(0, 2, 0, 0), size=(400, 4)))
        quiet = (0, 0, 0, 200, 0, 0, 0, 0, 0, 0)
        core.install(2, make_reference(spec, changed, error_rate=0.2, confidence_counts=quiet))
        core.observe(_verdict(job, ModelEventKind.PROMOTED, 2))
        later = World(spec, np.full(3_000, 0.2), np.full(3_000, 2.0), version=2, seed=1)
        told = run(core, _renumbered(later.batches, spec))
        assert told.opened == []
        assert {(event.state, event.closed_because) for _, event in told.events} == {("closed", "new-version")}
        assert set(core.state().accuracy_by_version) == {1, 2}

    def test_outcomes_of_the_old_version_are_not_held_against_the_new(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        core.install(2, reference_of(spec))
        told = run(core, world(spec, after=0.9).batches)
        assert told.of(DriftKind.CONCEPT) == []
        assert core.state().accuracy_by_version[1][0] == 1_970

    def test_outcomes_that_came_before_the_news_count(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        batches = World(spec, np.full(400, 0.9), np.zeros(400), version=2).batches
        run(core, batches)
        core.install(2, reference_of(spec))
        assert core.state().error_rate == pytest.approx(0.9, abs=0.05)

    def test_but_a_version_that_comes_back_is_not_asked_about_its_old_drift_again(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        core.install(1, reference_of(spec), 1)
        told = run(core, world(spec).batches)
        assert told.of(DriftKind.CONCEPT)
        core.install(2, reference_of(spec), 2)
        core.install(1, reference_of(spec), 3)
        calm = World(spec, np.full(600, 0.1), np.zeros(600), seed=2).batches
        assert run(core, _renumbered(calm, spec)).of(DriftKind.CONCEPT) == []

    def test_nor_when_versions_go_up_again_after_a_roll_back(self, spec: StreamSpec) -> None:
        core = MonitorCore(spec)
        core.install(2, reference_of(spec), 2)
        told = run(core, world(spec, version=2).batches)
        (drift,) = told.of(DriftKind.CONCEPT)
        core.install(1, reference_of(spec), 3)
        core.install(2, reference_of(spec), 4)
        calm = World(spec, np.full(600, 0.1), np.zeros(600), seed=2, version=2).batches
        again = run(core, _renumbered(calm, spec)).of(DriftKind.CONCEPT)
        assert drift.event_id not in {event.event_id for event in again}
        assert again == []


def _renumbered(batches: list[tuple[list[Batch], int]], spec: StreamSpec) -> list[tuple[list[Batch], int]]:
    """The same records as the continuation of a stream: other ids, later offsets."""
    return [
        (
            [
                Batch(
                    b.topic,
                    b.partition,
                    [o + 10_000 for o in b.offsets],
                    b.timestamps,
                    b.keys,
                    [
                        (v or b"").replace(b'"record_id":"r', b'"record_id":"s').replace(b'": "r', b'": "s')
                        for v in b.values
                    ],
                )
                for b in polled
            ],
            now_ms,
        )
        for polled, now_ms in batches
    ]


class TestTheSameCallsGiveTheSameAnswers:
    def test_byte_for_byte(self, spec: StreamSpec) -> None:
        one, two = fresh_core(spec), fresh_core(spec)
        for polled, now_ms in world(spec).batches:
            assert one.process(polled, now_ms) == two.process(polled, now_ms)

    def test_features_labels_and_predictions_in_any_order(self, spec: StreamSpec) -> None:
        told = run(fresh_core(spec), world(spec).batches)
        turned = run(fresh_core(spec), [(polled[::-1], now) for polled, now in world(spec).batches])
        assert [e.event_id for _, e in told.events] == [e.event_id for _, e in turned.events]


class TestARecordIsCountedOnce:
    def test_though_it_is_read_again(self, spec: StreamSpec) -> None:
        """The loop never brings a record twice to a state that has counted it; this is the second line of defence."""
        once, twice = fresh_core(spec), fresh_core(spec)
        for polled, now_ms in world(spec).batches:
            assert twice.process(polled, now_ms) == once.process(polled, now_ms)
            assert twice.process(polled, now_ms).outputs == []
        assert once.state() == twice.state()
        assert twice.account() == {**once.account(), "reread": 3 * 2_000 - 30}

    def test_a_round_read_again_with_more_in_it(self, spec: StreamSpec) -> None:
        core, plain = fresh_core(spec), fresh_core(spec)
        batches = world(spec, n=600).batches
        for polled, now_ms in batches:
            plain.process(polled, now_ms)
        core.process(batches[0][0], batches[0][1])
        for i in range(1, len(batches)):
            core.process([*batches[i - 1][0], *batches[i][0]], batches[i][1])
        assert core.state().join == plain.state().join
        assert core.state().labelled == plain.state().labelled

    def test_but_a_topic_made_anew_is_read_from_its_beginning(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        polled, now_ms = world(spec, n=20).batches[0]
        core.process(polled, now_ms)
        later = [
            Batch(
                b.topic,
                b.partition,
                b.offsets,
                [now_ms] * len(b),
                b.keys,
                [(v or b"").replace(b"r", b"R", 1) for v in b.values],
            )
            for b in polled
            if b.topic == spec.topics.predictions
        ]
        core.process(later, now_ms)
        assert core.account()["reread"] == 0


class TestItIsACore:
    def test_with_state(self, spec: StreamSpec) -> None:
        core: Stateful = MonitorCore(spec)
        assert isinstance(core, Stateful)
        assert core.tick(EPOCH) == Step()


class TestBadValuesHarmNothing:
    def test_unreadable_records_are_counted_and_passed_over(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        rubbish = [None, b"", b"{", b"[]", b'{"record_id": 1}', b"\xff", b"null"]
        n = len(rubbish)
        for topic in (spec.topics.features, spec.topics.predictions, spec.topics.labels):
            step = core.process([Batch(topic, 0, range(n), [0] * n, [None] * n, rubbish)], EPOCH)
            assert step == Step()
        assert core.state().malformed == 2 * n

    def test_an_empty_call(self, spec: StreamSpec) -> None:
        core = fresh_core(spec)
        assert core.process([], EPOCH) == Step()
        assert core.process([Batch(spec.topics.labels, 0, [], [], [], [])], EPOCH) == Step()
