"""A trainer whose children are scripted and whose clock is turned by hand."""

from collections.abc import Callable
from typing import Any

from driftline.records import ModelEvent, RetrainingJob, Window
from driftline.registry import Registry
from driftline.service.core import Step
from tests.streams import NOW, batch
from tests.training.conftest import numeric_frame, numeric_spec
from tests.training.scripted import Stage
from training.data import Dataset, from_frame
from training.worker import TrainerCore

SPEC = numeric_spec()
DATA = from_frame(SPEC, numeric_frame(40))
SAFETY = 30.0
# More ticks than any script here has messages.
ENOUGH = 12
Collect = Callable[[RetrainingJob, Callable[[], bool]], Dataset]


def job(job_id: str = "job-1", champion: int = 1, **fields: Any) -> RetrainingJob:
    return RetrainingJob(
        job_id=job_id,
        stream=SPEC.stream,
        requested_by="policy",
        reason="drift",
        requested_at=NOW,
        drift_event_id=f"event of {job_id}",
        champion_version=champion,
        window=Window(features={0: (0, 40)}, labels={0: (0, 40)}),
        labelled_records=40,
        **fields,
    )


class Trainer:
    """A core over a real registry, with scripted children and a clock turned by hand."""

    def __init__(self, registry: Registry, stage: Stage, collect: Collect = lambda job, stop: DATA) -> None:
        self.registry, self.stage = registry, stage
        self.core = TrainerCore(SPEC, registry, "registry-root", collect)
        self.now = NOW
        self.events: list[ModelEvent] = []

    def give(self, *values: RetrainingJob | bytes | None) -> Step:
        raw = [value.to_json() if isinstance(value, RetrainingJob) else value for value in values]
        return self._heard(self.core.process([batch(raw, SPEC.topics.retraining_jobs)], self.now))

    def tick(self, seconds: float = 0.0) -> Step:
        """Let the window's reader finish, then look once."""
        attempt = self.core._attempt
        if attempt is not None and attempt.collector is not None:
            attempt.collector.join(SAFETY)
            assert not attempt.collector.is_alive()
        return self.tick_now(seconds)

    def tick_now(self, seconds: float = 0.0) -> Step:
        self.now += int(seconds * 1000)
        return self._heard(self.core.tick(self.now))

    def run(self, *values: RetrainingJob | bytes | None) -> list[ModelEvent]:
        """Give jobs and follow them to the end; the events that would be committed with them."""
        step = self.give(*values)
        for _ in range(ENOUGH):
            if not step.busy:
                return self.events
            assert step.outputs == [], "nothing may be sent before the job is done"
            step = self.tick(1.0)
        raise AssertionError("still busy")

    def _heard(self, step: Step) -> Step:
        for out in step.outputs:
            assert out.topic == SPEC.topics.model_events
            assert out.keys is not None
            for key, value in zip(out.keys, out.values, strict=True):
                event = ModelEvent.from_json(value or b"")
                assert key == event.key
                self.events.append(event)
        return step


Make = Callable[..., Trainer]


def champion(registry: Registry) -> tuple[int, int]:
    """Version and sequence."""
    now = registry.champion()
    assert now is not None
    return now.version, now.sequence
