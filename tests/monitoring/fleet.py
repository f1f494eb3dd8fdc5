"""The simulated fleet of `producers`, answered by a small classifier and watched by the real monitor core."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from driftline.kafka.interface import Batch
from driftline.model.columns import Columns
from driftline.records import DriftEvent, DriftKind, RetrainingJob
from driftline.registry import Reference
from driftline.spec import StreamSpec
from driftline.wire.predictions import encode_predictions
from monitoring.core import MonitorCore
from producers.fleet.fleet import BLOCK, Fleet
from producers.fleet.plan import parse_fleet
from tests.monitoring.stream import EPOCH, STEP_MS, events_of, jobs_of, make_reference, make_spec

CLASSES = ("a", "b", "c", "d")
TRAINED = 2 * BLOCK
"""Rows before the stream begins, on which the model is trained."""
FEATURES = [{"name": f"f{i}", "type": "numeric"} for i in range(6)] + [
    {"name": "site", "type": "categorical", "categories": ["north", "south", "west"]}
]


def fleet_spec(**monitoring: Any) -> StreamSpec:
    return make_spec(FEATURES, classes=list(CLASSES), monitoring=monitoring)


@dataclass
class Patrol:
    """Rows `TRAINED` to `rows` of a fleet, as Kafka would bring them to the monitor.

    `plan` is the fleet's, in YAML; rows of its drifts and faults count from the first row of the fleet. Those of the
    classes in `blind` are answered wrongly from `blind_from` on, at the sites in `blind_sites` only, if given.
    """

    plan: str
    rows: int = 8 * BLOCK
    spec: StreamSpec = field(default_factory=fleet_spec)
    delay: int = 50
    batch: int = 64
    version: int = 1
    blind: tuple[str, ...] = ()
    blind_from: int = 0
    blind_sites: tuple[str, ...] = ()
    events: list[tuple[int, DriftEvent]] = field(default_factory=list)
    jobs: list[RetrainingJob] = field(default_factory=list)

    def __post_init__(self) -> None:
        fleet = Fleet(self.spec, parse_fleet(self.plan))
        made = [fleet.block(number) for number in range(self.rows // BLOCK)]
        self.devices = [device for block in made for device in block.device_ids]
        self.labels = np.array([label for block in made for label in block.labels])
        self.values: list[list[Any]] = [list(row) for block in made for row in block.values]
        numeric = np.array([[np.nan if v is None else v for v in row[:6]] for row in self.values], dtype=np.float32)
        # A missing value is, to this model, an average one.
        model = RandomForestClassifier(60, min_samples_leaf=3, random_state=0)
        filled = np.nan_to_num(numeric, nan=float(np.nanmean(numeric[:TRAINED])))
        half = TRAINED // 2
        model.fit(filled[:half], self.labels[:half])
        probabilities = model.predict_proba(filled)
        self.answers = model.classes_[probabilities.argmax(axis=1)]
        self.sure = probabilities.max(axis=1).astype(np.float32)
        self.probabilities = probabilities.astype(np.float32)
        hit = np.isin(self.labels, self.blind) & (np.arange(self.rows) >= self.blind_from)
        if self.blind_sites:
            hit &= np.isin([row[6] for row in self.values], self.blind_sites)
        other = np.roll(np.array(CLASSES), 1)
        self.answers[hit] = other[np.searchsorted(CLASSES, self.labels[hit])]
        self.reference = self._reference(numeric, half)

    def run(self, core: MonitorCore | None = None, stop: int | None = None, start: int = TRAINED) -> MonitorCore:
        """Show the rows from `start` on to a core; `events` are (row, record of an event) as they are told."""
        if core is None:
            core = MonitorCore(self.spec)
            core.install(self.version, self.reference, self.version)
        for at in range(start, stop or self.rows, self.batch):
            rows = np.arange(at, min(at + self.batch, self.rows))
            due = rows[rows - self.delay >= TRAINED] - self.delay
            step = core.process(self._batches(rows, due), EPOCH + int(rows[-1]) * STEP_MS + 1_000)
            self.events += [(int(rows[-1]), event) for event in events_of(step)]
            self.jobs += jobs_of(step)
        return core

    def of(self, kind: DriftKind, state: str | None = None) -> list[tuple[int, DriftEvent]]:
        return [(row, e) for row, e in self.events if e.kind is kind and state in (None, e.state)]

    def _reference(self, numeric: NDArray[np.float32], half: int) -> Reference:
        sites = np.array([[row[6]] for row in self.values[:TRAINED]], dtype=object)
        held = slice(half, TRAINED)
        edges = np.round(np.arange(1, 10) / 10, 1).astype(np.float32)
        sure = np.bincount(np.searchsorted(edges, self.sure[held]), minlength=10)
        return make_reference(
            self.spec,
            Columns(numeric[:TRAINED], sites, np.empty((TRAINED, 0), object)),
            error_rate=float((self.answers[held] != self.labels[held]).mean()),
            held_out_rows=half,
            prediction_counts=tuple(int((self.answers[held] == name).sum()) for name in CLASSES),
            confidence_counts=tuple(sure.tolist()),
            class_counts=tuple(int((self.labels[:TRAINED] == name).sum()) for name in CLASSES),
        )

    def _batches(self, rows: NDArray[np.int64], due: NDArray[np.int64]) -> list[Batch]:
        features = [
            json.dumps(
                {
                    "record_id": f"r{row}",
                    "device_id": self.devices[row],
                    "event_time": EPOCH + row * STEP_MS,
                    "features": self.values[row],
                }
            ).encode()
            for row in rows.tolist()
        ]
        predictions = encode_predictions(
            [f"r{row}" for row in rows.tolist()],
            [self.devices[row] for row in rows.tolist()],
            EPOCH + rows * STEP_MS,
            self.answers[rows].tolist(),
            self.sure[rows],
            self.probabilities[rows],
            self.version,
            np.zeros(len(rows), dtype=np.int64),
            rows,
            EPOCH + int(rows[-1]) * STEP_MS,
        )
        labels = [
            json.dumps(
                {
                    "record_id": f"r{row}",
                    "device_id": self.devices[row],
                    "label": str(self.labels[row]),
                    "labelled_at": EPOCH + row * STEP_MS + 500,
                }
            ).encode()
            for row in due.tolist()
        ]
        topics = self.spec.topics
        parts = (
            (topics.features, rows, features),
            (topics.predictions, rows, predictions),
            (topics.labels, due, labels),
        )
        return [
            Batch(topic, 0, range(int(which[0]), int(which[-1]) + 1), [0] * len(which), [None] * len(which), values)
            for topic, which, values in parts
            if len(which)
        ]
