"""The blame of a stream whose answers are sets: each class is a question of its own."""

import numpy as np
import pytest

from driftline.records import DriftEvent, DriftKind
from monitoring.core import MonitorCore
from tests.monitoring.stream import (
    CLASSES,
    EPOCH,
    STEP_MS,
    Broker,
    after,
    events_of,
    make_reference,
    make_spec,
    numeric_columns,
)

CHANGE, ROWS = 1_500, 3_600


def told(*, restart: bool = False) -> list[DriftEvent]:
    """From row 1,500 on class "b" holds half of the time, where it held in a tenth; its answers stay as they were."""
    spec = make_spec(task="multilabel")
    rng = np.random.default_rng(3)
    shares = np.where(np.arange(ROWS)[:, None] < CHANGE, [0.3, 0.1, 0.2], [0.3, 0.5, 0.2])
    truth = rng.random((ROWS, 3)) < shares
    answers = truth ^ (rng.random((ROWS, 3)) < 0.02)
    answers[CHANGE:, 1] = rng.random(ROWS - CHANGE) < 0.1
    reference = make_reference(
        spec,
        numeric_columns(rng.normal(size=(1_000, 4))),
        error_rate=0.06,
        prediction_counts=(60, 20, 40),
        confidence_counts=(0, 0, 0, 200, 0, 0, 0, 0, 0, 0),
        class_counts=(300, 100, 200),
    )
    core, broker, found, stored = MonitorCore(spec), Broker(spec), [], {}
    core.install(1, reference, 1)
    names = [[[c for c, holds in zip(CLASSES, row, strict=True) if holds] for row in m] for m in (answers, truth)]
    for at in range(0, ROWS, 50):
        rows = range(at, at + 50)
        batches = [
            *broker.features(rows, rng.normal(size=(50, 4))),
            *broker.predictions(rows, [names[0][row] for row in rows]),
            *broker.labels(rows, [names[1][row] for row in rows]),
        ]
        found += events_of(core.process(batches, EPOCH + rows[-1] * STEP_MS))
        if restart:
            stored = after(stored, core.snapshot())
            core = MonitorCore(spec)
            core.install(1, reference, 1)
            core.restore(stored)
    return found


def test_the_class_that_is_missed_is_blamed_and_its_share_told() -> None:
    events = told()
    concept = [event for event in events if event.kind is DriftKind.CONCEPT]
    assert [part.name for part in concept[-1].classes] == ["b"]
    assert concept[-1].classes[0].after == pytest.approx(0.5, abs=0.08)
    assert concept[-1].shape in (None, "abrupt")
    (prior,) = [event for event in events if event.kind is DriftKind.PRIOR and event.state == "opened"]
    assert prior.classes[0].name == "b"
    assert abs(int((prior.onset.record_id or "r0")[1:]) - CHANGE) <= 250


def test_a_restart_changes_nothing() -> None:
    assert told(restart=True) == told()
