"""Classifiers that learn from every label (river's), and the dummy that repeats the last label."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from driftline.backtest.course import Course
from driftline.backtest.loop import Tell
from driftline.backtest.plan import Plan
from driftline.backtest.recording import Coding, Recording
from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec


def classifiers(seed: int) -> Mapping[str, Callable[[], Any]]:
    """Name → a fresh classifier on river's own settings.

    `arf` is the adaptive random forest (Gomes et al., "Adaptive random forests for evolving data stream
    classification", Machine Learning 106, 2017), `hat` the Hoeffding adaptive tree (Bifet and Gavaldà, "Adaptive
    learning from evolving data streams", IDA 2009).
    """
    from river import forest, tree

    return {
        "arf": lambda: forest.ARFClassifier(seed=seed),
        "hat": lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=seed),
    }


def learn_on(spec: StreamSpec, recording: Recording, plan: Plan, make: Callable[[], Any], tell: Tell) -> Course:
    """Answer each record, then learn from the labels that have come: prequential evaluation.

    It learns from the first model's rows too, one by one, before it is asked anything. Categories and numbers are
    its features; texts it cannot read.
    """
    truth = Coding().of(recording.answers)
    n = len(recording)
    answered = np.full(n, -1, dtype=np.int64)
    model = make()
    features = _features(spec, recording.columns)
    for row in range(plan.start):
        if truth[row] >= 0:
            model.learn_one(features(row), int(truth[row]))
    for row in range(plan.start, n):
        said = model.predict_one(features(row))
        answered[row] = -1 if said is None else said
        if (due := row - plan.label_delay) >= plan.start and truth[due] >= 0:
            model.learn_one(features(due), int(truth[due]))
        if row % plan.block == 0:
            tell(row, "")
    return _judged(recording, plan, answered, truth)


def no_change(recording: Recording, plan: Plan) -> Course:
    """Answer each record with the newest label that is known: what any model of an autocorrelated stream must beat."""
    truth = Coding().of(recording.answers)
    known = np.where(truth >= 0, np.arange(len(truth)), -1)
    newest = np.maximum.accumulate(known)
    rows = np.arange(len(truth))
    # With a delay of d records the label of row r - 1 - d is the newest that is there when row r is asked.
    before = np.maximum(rows - 1 - plan.label_delay, plan.start - 1)
    source = newest[np.minimum(before, np.maximum(rows - 1, 0))]
    return _judged(recording, plan, np.where(source >= 0, truth[source], -1), truth)


def _judged(recording: Recording, plan: Plan, answered: Any, truth: Any) -> Course:
    rows = plan.start + np.flatnonzero(recording.judged[plan.start :])
    return Course(rows, answered[rows], truth[rows])


def _features(spec: StreamSpec, columns: Columns) -> Callable[[int], dict[str, Any]]:
    numbers = [feature.name for feature in spec.numeric]
    categories = [feature.name for feature in spec.categorical]

    def of(row: int) -> dict[str, Any]:
        # Nothing stands for missing: river takes a feature that is not in the record for one.
        found: dict[str, Any] = {
            name: value for name, value in zip(numbers, columns.numeric[row].tolist(), strict=True) if value == value
        }
        found |= {
            name: value for name, value in zip(categories, columns.categorical[row], strict=True) if value is not None
        }
        return found

    return of
