"""A whole run: every strategy at every label delay, one after another."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from driftline.backtest.advice import Advice, advise
from driftline.backtest.course import Course
from driftline.backtest.detectors import detectors
from driftline.backtest.incremental import classifiers, learn_on, no_change
from driftline.backtest.loop import Tell, replay
from driftline.backtest.plan import Plan
from driftline.backtest.recording import Recording, Tape
from driftline.backtest.rooms import Rooms
from driftline.backtest.scoring import Detection, detection
from driftline.backtest.strategies import Strategy
from driftline.backtest.watchers import DetectorWatcher, MonitorWatcher, Periodic, Watcher

Progress = Callable[[str, int, int, str], None]
"""Told of the strategy, the label delay, the row reached, and of what is going on there."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The strategies at one label delay.

    Attributes
    ----------
    courses : by strategy, in the order asked for.
    detections : by strategy; empty unless changes are known.
    """

    plan: Plan
    courses: Mapping[str, Course]
    advice: Advice | None
    detections: Mapping[str, Detection]


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a report says.

    Attributes
    ----------
    records : rows of the data.
    """

    source: str
    records: int
    seconds: float
    by_delay: Mapping[int, Compared]
    notes: tuple[str, ...] = ()


def compare(
    source: str,
    recording: Recording,
    plan: Plan,
    delays: Sequence[int],
    strategies: Sequence[Strategy],
    rooms: Rooms,
    progress: Progress,
    notes: Sequence[str] = (),
) -> Run:
    """Replay the recording once for each strategy and label delay.

    Raises
    ------
    UsageError : the first rows cannot be trained on.
    """
    began = time.perf_counter()
    plans = [replace(plan, label_delay=delay) for delay in delays]
    done = {}
    for each in plans:
        courses = {}
        for strategy in strategies:
            courses[strategy.name] = _course(recording, each, strategy, rooms, progress)
        loops = {s.name: courses[s.name] for s in strategies if s.trains}
        others = {s.name: courses[s.name] for s in strategies if not s.trains}
        found = {
            name: detection(course.alarms, plan.drift_at, plan.within)
            for name, course in courses.items()
            if plan.drift_at
        }
        done[each.label_delay] = Compared(each, courses, advise(loops, others), found)
    return Run(source, len(recording), time.perf_counter() - began, done, tuple(notes))


def _course(recording: Recording, plan: Plan, strategy: Strategy, rooms: Rooms, progress: Progress) -> Course:
    began = time.perf_counter()

    def tell(row: int, what: str) -> None:
        progress(strategy.name, plan.label_delay, row, what)

    tell(plan.start, "")
    if strategy.kind == "no-change":
        course = no_change(recording, plan)
    elif strategy.kind == "learner":
        course = learn_on(strategy.spec, recording, plan, classifiers(plan.seed)[strategy.name], tell)
    else:
        course = _loop(recording, plan, strategy, rooms, tell)
    course.seconds, course.settings = time.perf_counter() - began, strategy.settings
    return course


def _loop(recording: Recording, plan: Plan, strategy: Strategy, rooms: Rooms, tell: Tell) -> Course:
    spec = strategy.spec
    tape = Tape(spec.topics, recording, plan.label_delay)
    with tempfile.TemporaryDirectory(prefix="driftline-backtest-") as folder:
        tell(plan.start, "first model")
        trainer = rooms.trainer(spec, tape, plan.start, Path(folder))
        watcher = _watcher(recording, plan, strategy, rooms, tape)
        return replay(spec, recording, tape, plan, rooms.consumer(spec), watcher, trainer, tell)


def _watcher(recording: Recording, plan: Plan, strategy: Strategy, rooms: Rooms, tape: Tape) -> Watcher:
    spec = strategy.spec
    if strategy.kind == "periodic":
        return Periodic(spec.stream, tape, plan.start, plan.every, plan.window)
    if strategy.kind == "detector":
        make = detectors(plan.seed)[strategy.name]
        return DetectorWatcher(strategy.name, make, spec.stream, tape, spec.monitoring.policy.minimum_labels)
    row_of = {record_id: row for row, record_id in enumerate(recording.record_ids)}
    return MonitorWatcher(rooms.monitor(spec), row_of, recording.event_times, asks=strategy.kind == "policy")
