"""The worker's core, with the training in this process: the same verdicts as the service gives."""

from collections.abc import Callable
from pathlib import Path

import pytest

from driftline.errors import UsageError
from driftline.records.loop import ModelEventKind, RetrainingJob, Window
from driftline.registry.registry import Registry
from tests.training.conftest import numeric_frame, numeric_spec
from training.data import Dataset, from_frame
from training.in_process import InProcessTrainer
from training.initial import train_rows

SPEC = numeric_spec(epochs=25)


def job(name: str) -> RetrainingJob:
    return RetrainingJob(
        job_id=name,
        stream=SPEC.stream,
        requested_by="policy",
        reason="a test",
        requested_at=2,
        champion_version=1,
        window=Window(features={0: (0, 1)}, labels={0: (0, 1)}),
        labelled_records=1,
    )


def collect(job: RetrainingJob, stop: Callable[[], bool]) -> Dataset:
    """What a job's id says: the world as it was, turned, or too little of it."""
    if job.job_id.startswith("few"):
        return from_frame(SPEC, numeric_frame(10))
    return from_frame(SPEC, numeric_frame(300, seed=5, turn=int(job.job_id.startswith("turned"))))


@pytest.fixture
def trainer(tmp_path: Path) -> InProcessTrainer:
    train_rows(SPEC, from_frame(SPEC, numeric_frame(300)), Registry(str(tmp_path), SPEC.stream), now_ms=1)
    return InProcessTrainer(SPEC, tmp_path, collect)


class TestATrainerInThisProcess:
    def test_it_promotes_serves_and_recalls(self, trainer: InProcessTrainer) -> None:
        assert trainer.served(None).version == 1
        (promoted,) = trainer.answer(job("turned"), 2)
        assert (promoted.kind, promoted.version, promoted.at) == (ModelEventKind.PROMOTED, 2, 2)
        served = trainer.served(promoted)
        assert (served.version, served.sequence) == (2, promoted.sequence)
        rows = from_frame(SPEC, numeric_frame(200, seed=9, turn=1))
        right = served.decision.codes(served.scorer.score(rows.columns)) == rows.labels
        assert right.mean() > 0.8
        (recalled,) = trainer.answer(job("back"), 3)
        assert (recalled.kind, recalled.version) == (ModelEventKind.RECALLED, 1)
        # An earlier event still names its own version: the stream hears of it later than the registry.
        assert trainer.served(promoted).version == 2

    def test_it_refuses_what_is_no_better(self, trainer: InProcessTrainer) -> None:
        (event,) = trainer.answer(job("same"), 2)
        assert event.kind is ModelEventKind.REFUSED

    def test_what_cannot_be_trained_on_has_failed(self, trainer: InProcessTrainer) -> None:
        (event,) = trainer.answer(job("few"), 2)
        assert event.kind is ModelEventKind.FAILED
        assert "at least 20" in event.reasons[0]
        with pytest.raises(UsageError):
            collect(job("few"), lambda: False)
