"""The closed loop on simulated time: consumer, watcher and trainer, block by block."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from driftline.backtest.course import Change, Course
from driftline.backtest.plan import Plan
from driftline.backtest.recording import Coding, Recording, Tape
from driftline.backtest.rooms import Consumer, Trainer
from driftline.backtest.watchers import Block, Watcher
from driftline.kafka.interface import Batch
from driftline.records.loop import ModelEvent, ModelEventKind, RetrainingJob
from driftline.spec.stream import StreamSpec
from driftline.wire.predictions import decode_predictions

Tell = Callable[[int, str], None]
"""Told of the row reached, and of what is going on there."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a job came to, known to the trainer at once and to the stream from `row` on."""

    row: int
    asked: int
    job: RetrainingJob
    events: list[ModelEvent]
    seconds: float


def replay(
    spec: StreamSpec,
    recording: Recording,
    tape: Tape,
    plan: Plan,
    consumer: Consumer,
    watcher: Watcher,
    trainer: Trainer,
    tell: Tell,
) -> Course:
    """Replay the rows from `plan.start` on.

    A training sees what was known when it was asked for, and its model answers `plan.training_takes` records later: the
    stream does not wait. Jobs are answered one after another, as by one trainer.
    """
    n, coding = len(recording), Coding()
    truth = coding.of(recording.answers)
    answered = np.full(n, -1, dtype=np.int64)
    versions = np.zeros(n, dtype=np.int64)
    course = Course(np.empty(0, np.int64), answered, truth)
    served = trainer.served(None)
    consumer.install(served)
    watcher.installed(served)
    labelled, sent = plan.start, 0
    waiting: list[_Answer] = []
    free = plan.start
    for at in range(plan.start, n, plan.block):
        while waiting and waiting[0].row <= at:
            answer = waiting.pop(0)
            for event in answer.events:
                if event.kind.changes_champion:
                    served = trainer.served(event)
                    consumer.install(served)
                    watcher.installed(served)
                watcher.happened(event)
                course.changes.append(_change(event, answer, at))
        end = min(at + plan.block, n)
        now_ms = int(recording.event_times[end - 1]) + 1
        features = tape.features(at, end)
        step = consumer.process([features], now_ms)
        values = [v for out in step.outputs if out.topic == spec.topics.predictions for v in out.values]
        predictions = Batch(
            spec.topics.predictions, 0, range(sent, sent + len(values)), [now_ms] * len(values),
            [None] * len(values), values,
        )  # fmt: skip
        sent += len(values)
        read = decode_predictions([predictions], len(spec.classes))
        answered[read.source_offsets] = coding.of(read.answers)
        versions[read.source_offsets] = read.model_versions
        due = max(labelled, end - plan.label_delay)
        came = np.arange(labelled, due)
        came = came[(truth[came] >= 0) & (versions[came] > 0)]
        said = watcher.saw(
            Block(
                end, due, now_ms, features, predictions, tape.labels(labelled, due),
                came, answered[came] != truth[came], versions[came],
            )
        )  # fmt: skip
        labelled = due
        course.alarms += said.alarms
        course.warnings = max(course.warnings, said.warnings)
        for job in said.jobs:
            tell(end, f"training on {job.labelled_records:,} records")
            began = time.perf_counter()
            events = trainer.answer(job, now_ms)
            seconds = time.perf_counter() - began
            free = max(free, end) + _takes(plan, job, events, seconds)
            waiting.append(_Answer(free, end, job, events, seconds))
        tell(end, "")
    rows = plan.start + np.flatnonzero(recording.judged[plan.start :])
    course.rows, course.answered, course.truth = rows, answered[rows], truth[rows]
    return course


def _takes(plan: Plan, job: RetrainingJob, events: list[ModelEvent], seconds: float) -> int:
    """Records that pass until the answer is known; where nothing is trained, it is there at once."""
    if plan.training_takes is None:
        return round(seconds * plan.rate)
    return plan.training_takes if any(_trained(job, event) for event in events) else 0


def _trained(job: RetrainingJob, event: ModelEvent) -> bool:
    """Whether a model was trained for this verdict."""
    returns = event.kind in (ModelEventKind.RECALLED, ModelEventKind.ROLLED_BACK)
    return event.trained and not returns and job.action not in ("recall", "rollback")


def _change(event: ModelEvent, answer: _Answer, row: int) -> Change:
    return Change(
        asked=answer.asked,
        row=row,
        kind=event.kind.value,
        version=event.version,
        seconds=answer.seconds / len(answer.events),
        rows=answer.job.labelled_records,
        reasons=tuple(event.reasons),
        trained=_trained(answer.job, event),
    )
