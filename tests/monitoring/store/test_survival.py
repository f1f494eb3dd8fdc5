"""A monitor that is killed and restored, anywhere and often, says what the uninterrupted one says: byte for byte."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftline.kafka.interface import Batch
from driftline.records import ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry import Reference
from driftline.service.core import Step
from driftline.spec import StreamSpec
from monitoring.core import MonitorCore
from tests.monitoring.stream import (
    CLASSES,
    EPOCH,
    STEP_MS,
    Broker,
    after,
    events_of,
    jobs_of,
    make_reference,
    make_spec,
    numeric_columns,
)
from tests.monitoring.test_core import World, fresh_core

ROWS, PER_STEP, PARTITIONS = 2_400, 20, 3
FIRST_CHANGE, SECOND_CHANGE = 700, 1_600
LABELS_STALL = range(1_150, 1_300)
DETECTORS = ["adwin", "ddm", "eddm", "hddm-a", "hddm-w", "page-hinkley"]


@pytest.fixture(autouse=True, scope="module")
def small_segments() -> Iterator[None]:
    """Segments of 64 rows, so that a short stream fills, thins, moves and removes many of them."""
    with pytest.MonkeyPatch.context() as patch:
        for room in ("store.rolling", "store.segments", "labels.recent"):
            patch.setattr(f"monitoring.{room}.SEGMENT", 64)
        yield


def spec_of(detector: str, task: str = "multiclass") -> StreamSpec:
    return make_spec(
        task=task,
        monitoring={
            "max_pending": 100,
            "label_timeout_seconds": 20,
            "accuracy_window": 50,
            "concept": {"detector": detector},
            "data": {"window": 120},
            "policy": {
                "minimum_labels": 60,
                "cool_down_records": 100,
                "maximum_window": 500,
                "retrain_on": ["concept", "data", "prediction"],
            },
        },
    )


def reference_of(spec: StreamSpec, shift: float) -> Reference:
    rng = np.random.default_rng(99)
    matrix = rng.normal(size=(1_000, 4))
    matrix[:, 1] += shift
    return make_reference(spec, numeric_columns(matrix), confidence_counts=(0, 0, 0, 200, 0, 0, 0, 0, 0, 0))


Act = Callable[[MonitorCore], Step]
Said = list[tuple[str, list[bytes | None], Any]]


@dataclass
class Script:
    """What a core is told, step by step, as the uninterrupted run had it; and what that run said."""

    spec: StreamSpec
    acts: list[Act] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    core: MonitorCore = field(init=False)
    jobs: list[RetrainingJob] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.core = MonitorCore(self.spec)

    def do(self, act: Act) -> Step:
        step = act(self.core)
        self.acts.append(act)
        self.said.append(said(step))
        self.jobs += jobs_of(step)
        self.kinds |= {event.kind.value for event in events_of(step)}
        return step


def said(step: Step) -> Said:
    return [(out.topic, list(out.values), out.keys) for out in step.outputs]


def feed(polled: list[Batch], now_ms: int) -> Act:
    return lambda core: core.process(polled, now_ms)


def tick(now_ms: int) -> Act:
    return lambda core: core.tick(now_ms)


def install(version: int, reference: Reference) -> Act:
    def act(core: MonitorCore) -> Step:
        core.install(version, reference, version)
        return Step()

    return act


def observe(event: ModelEvent) -> Act:
    def act(core: MonitorCore) -> Step:
        core.observe(event)
        return Step()

    return act


def recorded(seed: int, detector: str, task: str = "multiclass") -> Script:
    """A stream with two changes of the world: late, early, missing and doubled labels, doubled predictions, rubbish,
    three partitions, a promotion after the first job and refusals after the second."""
    rng = np.random.default_rng(seed)
    script = Script(spec_of(detector, task))
    broker, names = Broker(script.spec, PARTITIONS), np.array(CLASSES, dtype=object)
    changed = np.arange(ROWS) >= FIRST_CHANGE
    matrix = rng.normal(size=(ROWS, 4))
    matrix[changed, 1] += 2.0
    truth = rng.integers(0, 3, ROWS)
    predicted, labelled = _times(rng)
    version, pending = 1, [(step, job) for step, job in ()]
    script.do(install(1, reference_of(script.spec, 0.0)))
    for at in range(0, ROWS + 400, PER_STEP):
        now_ms = EPOCH + at * STEP_MS
        rows = range(at, min(at + PER_STEP, ROWS))
        answered = [row for t in range(at, at + PER_STEP) for row in predicted[t]]
        bad = [0.7 if (row >= SECOND_CHANGE or (row >= FIRST_CHANGE and version == 1)) else 0.1 for row in answered]
        answers = [int(truth[row] + (rng.random() < p)) % 3 for row, p in zip(answered, bad, strict=True)]
        judged = [row for t in range(at, at + PER_STEP) for row in labelled[t]]
        polled = [
            *(broker.labels(judged, _shaped(names[truth[judged]].tolist(), task), int(rng.integers(10, 5_000)))),
            *(broker.predictions(answered, _shaped(names[answers].tolist(), task), version)),
            *(broker.features(rows, matrix[rows]) if len(rows) else []),
            *(broker.labels([at], _shaped(["no class of the stream"], task)) if rng.random() < 0.1 else []),
        ]
        step = script.do(feed(polled, now_ms))
        if rng.random() < 0.3:
            script.do(tick(now_ms + 50))
        pending += [(at + int(rng.integers(3, 12)) * PER_STEP, job) for job in jobs_of(step)]
        for due, job in [entry for entry in pending if entry[0] <= at]:
            pending.remove((due, job))
            kind = ModelEventKind.REFUSED if version == 2 else ModelEventKind.PROMOTED
            if version == 1:
                version = 2
                script.do(install(2, reference_of(script.spec, 2.0)))
            script.do(observe(_verdict(job, kind, version)))
    return script


def _times(rng: np.random.Generator) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    predicted: dict[int, list[int]] = defaultdict(list)
    labelled: dict[int, list[int]] = defaultdict(list)
    for row in range(ROWS):
        predicted[row + 2].append(row)
        if rng.random() < 0.02:
            predicted[row + 45].append(row)
        luck = rng.random()
        if luck < 0.05:
            continue
        if row in LABELS_STALL:
            luck = 0.2
        delay = -2 if luck < 0.15 else rng.integers(150, 320) if luck < 0.25 else rng.integers(3, 80)
        labelled[max(row + int(delay), 0)].append(row)
        if rng.random() < 0.03:
            labelled[row + 90].append(row)
    return predicted, labelled


def _shaped(labels: list[str], task: str) -> list[Any]:
    return [[label] for label in labels] if task == "multilabel" else labels


def _verdict(job: RetrainingJob, kind: ModelEventKind, version: int) -> ModelEvent:
    return ModelEvent(
        event_id=f"verdict-{job.job_id}",
        stream="tests",
        kind=kind,
        version=version,
        job_id=job.job_id,
        sequence=version,
        at=0,
    )


def replayed(script: Script, seed: int, every: int) -> tuple[MonitorCore, list[Said], int]:
    """The script, with a checkpoint at random acts; after some of them the process dies a few acts later."""
    rng = np.random.default_rng(seed)
    core, out, stored, at, kills = MonitorCore(script.spec), list[Said](), dict[str, bytes](), 0, 0
    while at < len(script.acts):
        if rng.random() < 1 / every:
            stored = after(stored, core.snapshot())
            if rng.random() < 0.5:
                for doomed in script.acts[at : at + int(rng.integers(0, 10))]:
                    doomed(core)
                    if rng.random() < 0.1:
                        core.snapshot()  # of a transaction that is never committed
                kills += 1
                if rng.random() < 0.7:
                    core = MonitorCore(script.spec)
                    core.restore(stored)
                else:
                    other = MonitorCore(script.spec)
                    other.process([], EPOCH)
                    other.restore({})
                    other.restore(stored)
                    core = other
                assert core.snapshot() == {}, "what was restored is not what was stored"
        out.append(said(script.acts[at](core)))
        at += 1
    return core, out, kills


class TestNothingIsForgottenAndNothingCountedTwice:
    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        detector=st.sampled_from(DETECTORS),
        seed=st.integers(0, 2**32 - 1),
        cuts=st.integers(0, 2**32 - 1),
        every=st.integers(2, 30),
    )
    def test_wherever_it_is_cut(self, detector: str, seed: int, cuts: int, every: int) -> None:
        script = recorded(seed, detector)
        core, out, _ = replayed(script, cuts, every)
        assert out == script.said
        assert core.account() == script.core.account()
        assert repr(core.state()) == repr(script.core.state())

    @pytest.mark.parametrize("task", ["multiclass", "multilabel"])
    def test_at_every_single_step(self, task: str) -> None:
        script = recorded(7, "adwin", task)
        core, out, kills = replayed(script, 3, 1)
        assert kills > 50
        assert out == script.said
        assert core.account() == script.core.account()
        assert repr(core.state()) == repr(script.core.state())

    def test_and_the_stream_is_one_in_which_everything_happens(self) -> None:
        script = recorded(7, "adwin")
        account, state = script.core.account(), script.core.state()
        assert script.kinds == {"concept", "data"}
        assert len(script.jobs) >= 3
        assert state.version == 2
        assert set(state.accuracy_by_version) == {1, 2}
        assert state.jobs["promoted"] == 1
        assert state.jobs["refused"] >= 1
        for name in ("duplicates", "repeated", "orphans", "expired", "evicted", "outcomes", "wrong", "malformed"):
            assert account[name] > 0, name
        assert account["reread"] == 0

    def test_the_books_balance(self) -> None:
        account = recorded(8, "ddm").core.account()
        spent = account["outcomes"] + account["repeated"] + account["expired"] + account["evicted"]
        assert account["predictions"] == spent + account["waiting_predictions"]
        spent = account["outcomes"] + account["duplicates"] + account["orphans"]
        assert account["labels"] == spent + account["waiting_labels"]

    @pytest.mark.parametrize("detector", DETECTORS)
    def test_through_changes_that_come_and_go(self, detector: str) -> None:
        """Drifts begin, end and begin again without a new version; the core is another after every third batch."""
        spec, phases = spec_of(detector), np.repeat([0, 1, 0, 1], 700)
        batches = World(spec, np.where(phases, 0.6, 0.1), np.where(phases, 2.0, 0.0)).batches
        plain, core, stored = fresh_core(spec), fresh_core(spec), dict[str, bytes]()
        events = 0
        for i, (polled, now_ms) in enumerate(batches):
            step = plain.process(polled, now_ms)
            assert core.process(polled, now_ms) == step
            events += len(events_of(step))
            if i % 3 == 0:
                stored = after(stored, core.snapshot())
                core = MonitorCore(spec)
                core.restore(stored)
                assert core.snapshot() == {}
        assert events >= 3
        assert repr(core.state()) == repr(plain.state())
