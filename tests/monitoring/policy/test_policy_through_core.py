"""The policy inside the monitor's core: what it asks for, with which window, of a stream as Kafka would bring it."""

from typing import Any

import numpy as np
import pytest

from driftline.records import DriftKind, ModelEvent, ModelEventKind, RetrainingJob
from driftline.spec import StreamSpec
from monitoring.core import MonitorCore
from tests.monitoring.stream import EPOCH, make_spec
from tests.monitoring.test_core import CHANGE, Told, World, fresh_core, reference_of, run, world

PROMOTED_AT = 1_600


def spec_of(**policy: Any) -> StreamSpec:
    return make_spec(monitoring={"policy": {"minimum_labels": 200, **policy}})


def promoted(job: RetrainingJob, accuracy: float, before: float) -> ModelEvent:
    return ModelEvent(
        event_id=f"promoted-{job.job_id}",
        stream="tests",
        kind=ModelEventKind.PROMOTED,
        version=2,
        previous_version=1,
        sequence=2,
        job_id=job.job_id,
        at=EPOCH,
        metrics={"rows": 100.0, "accuracy": accuracy, "champion_accuracy": before},
    )


def two_versions(spec: StreamSpec, core: MonitorCore, wrong: float, n: int = 400) -> tuple[Told, Told]:
    """Version 1 meets a change; the version that is made for it answers the rows after it, wrong at this rate."""
    rates = np.where(np.arange(PROMOTED_AT + n) < CHANGE, 0.1, 0.6)
    rates[PROMOTED_AT:] = wrong
    batches = World(spec, rates, np.zeros(len(rates))).batches
    switch = PROMOTED_AT // 20
    before = run(core, batches[:switch])
    core.observe(promoted(before.jobs[-1][1], accuracy=0.9, before=0.4))
    core.install(2, reference_of(spec), 2)
    # the same rows, answered by version 2 from its promotion on
    later = World(spec, rates, np.zeros(len(rates)), version=2).batches[switch:]
    return before, run(core, later)


class TestWindows:
    def test_of_the_newest_records_also_from_before_the_onset(self) -> None:
        spec = spec_of(window=700, actions={"concept": {"alarm": "retrain-window"}})
        told = run(fresh_core(spec), world(spec).batches)
        job = told.jobs[0][1]
        assert job.action == "retrain-window"
        assert job.labelled_records == pytest.approx(700, abs=20)

    def test_from_the_onset_by_default(self) -> None:
        job = run(fresh_core(spec_of()), world(spec_of()).batches).jobs[0][1]
        assert job.action == "retrain-onset"
        assert job.labelled_records == pytest.approx(200, abs=30)


class TestNothing:
    def test_is_counted_and_not_told(self) -> None:
        spec = spec_of(actions={"data": {"alarm": "nothing", "warning": "nothing"}})
        core = fresh_core(spec)
        told = run(core, world(spec).batches)
        assert told.of(DriftKind.DATA) == []
        assert told.of(DriftKind.CONCEPT) != []
        assert core.state().events[("data", "alarm")] == 1


class TestRollback:
    def test_is_asked_for_when_the_new_version_is_clearly_worse(self) -> None:
        spec = spec_of()
        core = fresh_core(spec)
        _, after = two_versions(spec, core, wrong=0.95)
        job = after.jobs[0][1]
        assert (job.action, job.target_version, job.champion_version) == ("rollback", 1, 2)
        assert "the gate measured 0.900, and 0.400 of version 1" in job.reason
        # only what the new version has answered
        assert job.labelled_records <= 200
        assert after.jobs[0][0] <= 10

    def test_and_not_of_one_that_keeps_its_promise(self) -> None:
        spec = spec_of()
        _, after = two_versions(spec, fresh_core(spec), wrong=0.1)
        assert after.jobs == []

    def test_survives_a_takeover(self) -> None:
        spec = spec_of()
        core, other = fresh_core(spec), fresh_core(spec)
        before, _ = two_versions(spec, core, wrong=0.95, n=40)
        assert before.jobs
        other.restore(core.snapshot())
        rates = np.full(PROMOTED_AT + 400, 0.95)
        rest = World(spec, rates, np.zeros(len(rates)), version=2).batches[(PROMOTED_AT + 40) // 20 :]
        jobs = [job.action for core in (core, other) for _, job in run(core, rest).jobs[:1]]
        assert jobs == ["rollback", "rollback"]
