"""Real streams in their own order: where each watcher raises alarms, if the model is trained anew after each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.changes import Rows
from benchmarks.drift.learners import make_learner
from benchmarks.drift.parts import Part, Setting, Watcher
from benchmarks.drift.settings import Run, watchers_of
from benchmarks.drift.sources import KNOWN_CHANGES, Table

TRAINED = 1_000
"""Rows that the first model and every later one is trained on; nobody watches meanwhile."""
# Alarms of a watcher that always rings would mean a training at every row.
_MOST_ALARMS = 100
# Answers asked of a model at once.
_AHEAD = 2_000


def natural(tables: Sequence[Table], run: Run) -> dict[str, Any]:
    """Alarms of each watcher on each stream, by row, and the accuracy that its trainings led to.

    The model serves unchanged until an alarm; then `TRAINED` rows are waited for, a model is trained on them, and a
    new watcher begins with it: the loop in its simplest form, the same for all.
    """
    rows = []
    for table in tables:
        setting = Setting(_start(table.rows[:TRAINED])[1], table.x[:TRAINED], table.y[:TRAINED], int(table.y.max()) + 1)
        names = [name for watcher in watchers_of(run, setting) for name in watcher.names if name != "always"]
        for name in names:
            alarms, right = follow(table, run, name)
            known = list(KNOWN_CHANGES.get(table.name, ()))
            delays = [next((row - point for row in alarms if row >= point), None) for point in known]
            accuracy = round(float(right.mean()), 4)
            rows.append([table.name, name, len(alarms), accuracy, known, delays, alarms[:_MOST_ALARMS]])
            print(f"| {table.name} | {name} | {len(alarms)} | {accuracy:.3f} | {delays} | {alarms[:12]} |", flush=True)
    columns = ["stream", "watcher", "alarms", "accuracy", "known_changes", "rows_to_next_alarm", "alarm_rows"]
    return {"trained_rows": TRAINED, "columns": columns, "streams": rows}


def follow(table: Table, run: Run, name: str) -> tuple[list[int], NDArray[np.bool_]]:
    """Follow one watcher's alarms through a stream.

    Returns
    -------
    Rows of the alarms, and of each row behind the first `TRAINED` whether it was answered rightly, bool.
    """
    rows, alarms = table.rows, list[int]()
    right: list[NDArray[np.bool_]] = []
    start = 0
    while start + TRAINED < len(rows):
        learned = rows[start : start + TRAINED]
        learner, evaluation = _start(learned)
        setting = Setting(evaluation, learned.x, learned.y, int(table.y.max()) + 1)
        watcher = _called(watchers_of(run, setting), name)
        at = start + TRAINED
        alarm = None
        while at < len(rows) and alarm is None:
            part = rows[at : at + _AHEAD]
            answered = Part(part.x, learner.answer(part), part.y)
            said = watcher.watch(answered)[watcher.names.index(name)]
            if len(said) and len(alarms) < _MOST_ALARMS:
                alarm = at + int(said[0])
            right.append(~answered.wrong[: None if alarm is None else alarm - at + 1])
            at += len(part)
        if alarm is None:
            break
        alarms.append(alarm)
        # The old model goes on answering until the new one has its rows.
        waiting = rows[alarm + 1 : alarm + 1 + TRAINED]
        right.append(learner.answer(waiting) == waiting.y)
        start = alarm + 1
    return alarms, np.concatenate(right)


def _start(rows: Rows) -> tuple[Any, Any]:
    learner = make_learner("tree", 0, seed=0)
    return learner, learner.start(rows)


def _called(watchers: Sequence[Watcher], name: str) -> Watcher:
    return next(watcher for watcher in watchers if name in watcher.names)
