"""The shipped sensor stream, whose features are shuffled in its middle third: rows 1,775 to 3,549."""

from importlib import resources

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from driftline.model.columns import Columns
from driftline.records import DriftEvent, DriftKind, ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry import Reference, describe_features
from driftline.spec import StreamSpec, parse_spec
from monitoring.core import MonitorCore
from tests.monitoring.stream import EPOCH, STEP_MS, Broker, after, events_of, jobs_of, numeric_columns

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn comes with the extra 'train'")
pipeline = pytest.importorskip("sklearn.pipeline")
preprocessing = pytest.importorskip("sklearn.preprocessing")

FIRST, CHANGE, BACK, DELAY, BATCH = 600, 1_775, 3_550, 20, 20


class Insects:
    """The data, and a small model of a stretch of it with its reference."""

    def __init__(self) -> None:
        path = resources.files("driftline.demo").joinpath("data/insects_abrupt.csv.gz")
        with resources.as_file(path) as file:
            table = pd.read_csv(file)
        self.matrix: NDArray[np.float32] = table.drop(columns="label").to_numpy(np.float32)
        self.labels: NDArray[np.object_] = table["label"].astype(str).to_numpy(dtype=object)
        self.spec: StreamSpec = parse_spec(
            {
                "stream": "insects",
                "classes": sorted(set(self.labels)),
                "features": [{"name": name, "type": "numeric"} for name in table.columns[:-1]],
            }
        )

    def train(self, start: int, end: int) -> tuple[NDArray[np.float32], Reference]:
        """Probabilities of all rows by a model of rows [start, end), and its reference; its last fifth is held out."""
        cut = start + (end - start) * 4 // 5
        made = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression(max_iter=500))
        made.fit(self.matrix[start:cut], self.labels[start:cut].astype(str))
        assert tuple(made.classes_) == self.spec.classes
        probabilities = made.predict_proba(self.matrix).astype(np.float32)
        held = probabilities[cut:end]
        answers = held.argmax(axis=1)
        edges = Reference.model_fields["confidence_edges"].default
        columns: Columns = numeric_columns(self.matrix[start:cut])
        return probabilities, Reference(
            rows=cut - start,
            features=describe_features(self.spec, columns),
            prediction_counts=tuple(np.bincount(answers, minlength=len(self.spec.classes)).tolist()),
            confidence_counts=tuple(
                np.bincount(np.searchsorted(edges, held.max(axis=1)), minlength=len(edges) + 1).tolist()
            ),
            error_rate=float((np.array(self.spec.classes)[answers] != self.labels[cut:end]).mean()),
            held_out_rows=end - cut,
        )


class Loop:
    """The stream through the monitor's core, with labels 20 records behind."""

    def __init__(self, insects: Insects) -> None:
        self.insects = insects
        self.core = MonitorCore(insects.spec)
        self.broker = Broker(insects.spec, partitions=4)
        self.core.assigned(self.broker.everything())
        self.events: list[tuple[int, DriftEvent]] = []
        self.jobs: list[tuple[int, RetrainingJob]] = []
        self.labelled = FIRST

    def feed(self, start: int, end: int, probabilities: NDArray[np.float32], version: int) -> None:
        classes, data = np.array(self.insects.spec.classes, dtype=object), self.insects
        for at in range(start, end, BATCH):
            rows = range(at, min(at + BATCH, end))
            due = range(self.labelled, max(rows[-1] + 1 - DELAY, self.labelled))
            self.labelled = due.stop
            answers = classes[probabilities[rows].argmax(axis=1)].tolist()
            step = self.core.process(
                [
                    *self.broker.features(rows, data.matrix[rows]),
                    *self.broker.predictions(rows, answers, version, probabilities[rows]),
                    *self.broker.labels(due, data.labels[due].tolist()),
                ],
                EPOCH + rows[-1] * STEP_MS,
            )
            self.events += [(rows[-1], event) for event in events_of(step)]
            self.jobs += [(rows[-1], job) for job in jobs_of(step)]
            self.fed()

    def fed(self) -> None:
        """Called after each batch."""


class RestartingLoop(Loop):
    """The same, but every few batches the core is taken apart and another one put together from its state."""

    restarts = 0
    stored: dict[str, bytes]

    def fed(self) -> None:
        self.restarts += 1
        if self.restarts % 7:
            return
        self.stored = after(getattr(self, "stored", {}), self.core.snapshot())
        self.core = MonitorCore(self.insects.spec)
        self.core.restore(self.stored)


def row_of(event: DriftEvent) -> int:
    return int((event.onset.record_id or "r-1")[1:])


@pytest.fixture(scope="module")
def loop() -> Loop:
    return played(Loop(Insects()))


def played(run: Loop) -> Loop:
    insects = run.insects
    probabilities, reference = insects.train(0, FIRST)
    run.core.install(1, reference)
    run.feed(FIRST, 2_050, probabilities, 1)
    again, second = insects.train(1_800, 2_050)
    run.core.install(2, second)
    for _, job in run.jobs:
        run.core.observe(
            ModelEvent(
                event_id="promoted",
                stream="insects",
                kind=ModelEventKind.PROMOTED,
                version=2,
                previous_version=1,
                sequence=2,
                job_id=job.job_id,
                at=0,
            )
        )
    run.feed(2_050, 5_325, again, 2)
    return run


class TestTheShippedStream:
    def test_nothing_is_said_before_the_world_changes(self, loop: Loop) -> None:
        assert [row for row, _ in loop.events if row < CHANGE] == []

    def test_the_change_is_found_soon_and_dated_well(self, loop: Loop) -> None:
        row, event = next((row, e) for row, e in loop.events if e.kind is DriftKind.CONCEPT)
        assert row - CHANGE <= 300
        assert abs(row_of(event) - CHANGE) <= 30
        assert event.severity == "alarm"
        assert event.features

    def test_the_features_that_changed_are_named(self, loop: Loop) -> None:
        row, event = next((row, e) for row, e in loop.events if e.kind is DriftKind.DATA)
        assert row - CHANGE <= 400
        assert {"x01", "x02"} <= {blame.feature for blame in event.features}
        assert all("→" in blame.detail for blame in event.features)

    def test_the_job_asks_for_the_new_world_only(self, loop: Loop) -> None:
        _, job = loop.jobs[0]
        assert job.labelled_records >= 100
        starts = sum(start for start, _ in job.window.features.values())
        assert abs(starts - (CHANGE - FIRST)) <= 30

    def test_the_promotion_is_quiet_and_the_change_back_is_found(self, loop: Loop) -> None:
        second = [(row, event) for row, event in loop.events if event.model_version == 2]
        assert min(row for row, _ in second) >= BACK
        row, event = next((row, e) for row, e in second if e.kind is DriftKind.CONCEPT)
        assert row - BACK <= 300
        assert abs(row_of(event) - BACK) <= 30

    def test_each_change_is_told_once(self, loop: Loop) -> None:
        told = [(event.model_version, event.kind) for _, event in loop.events if event.state == "opened"]
        assert len(told) == len(set(told))
        assert len(loop.jobs) == 2

    def test_a_monitor_restarted_every_140_records_says_the_same(self, loop: Loop) -> None:
        again = played(RestartingLoop(loop.insects))
        assert again.restarts > 200
        assert again.events == loop.events
        assert again.jobs == loop.jobs
        assert again.core.account() == loop.core.account()
        assert repr(again.core.state()) == repr(loop.core.state())
