"""A training process that does as it is told: what the worker hears from it is written before the job begins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftline.registry import Evaluation, Manifest, Verdict
from tests.registry.made import manifest, version_files
from training.messages import JobRequest, JobResult

Message = dict[str, Any]
Act = Callable[[JobRequest], list[Message]]
"""What a child says once it was asked, in the order of its polls."""


class ScriptedChild:
    """Stands where `training.child.TrainingChild` does."""

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.request: JobRequest | None = None
        self.messages: list[Message] = []
        self.warmed = self.killed = self.ready = False

    def warm(self) -> None:
        self.warmed = self.ready = True

    def start(self, request: JobRequest) -> None:
        assert self.request is None, "a child answers one request"
        self.request = request
        self.stage.asked.append(self)
        self.messages += self.stage.acts.pop(0)(request)

    def poll(self) -> list[Message]:
        """One message a call, so that every moment of a training can be looked at."""
        return [self.messages.pop(0)] if self.messages and not self.killed else []

    def kill(self) -> None:
        self.killed = True


class Stage:
    """Makes the children, and knows those that were asked for a training."""

    def __init__(self, *acts: Act) -> None:
        self.acts = list(acts)
        self.made: list[ScriptedChild] = []
        self.asked: list[ScriptedChild] = []

    def __call__(self) -> ScriptedChild:
        self.made.append(ScriptedChild(self))
        return self.made[-1]

    @property
    def requests(self) -> list[JobRequest]:
        return [child.request for child in self.asked if child.request is not None]


BETTER = Verdict(
    promoted=True,
    reasons=("accuracy 0.900, against 0.500 of the model in service",),
    candidate=Evaluation(rows=40, accuracy=0.9),
    champion=Evaluation(rows=40, accuracy=0.5),
)
WORSE = Verdict(
    promoted=False,
    reasons=("accuracy 0.400, against 0.500 of the model in service",),
    candidate=Evaluation(rows=40, accuracy=0.4),
    champion=Evaluation(rows=40, accuracy=0.5),
)


def result(kind: str, verdict: Verdict, made: Manifest | None = None, version: int | None = None) -> Message:
    said = JobResult(
        kind=kind,  # type: ignore[arg-type]
        reasons=verdict.reasons,
        version=version,
        manifest=made,
        verdict=verdict,
        evaluation=verdict.candidate,
        champion=verdict.champion,
    )
    return {"result": said.model_dump(mode="json")}


def promotes(request: JobRequest) -> list[Message]:
    """A better model, its files where they were asked for."""
    version_files(Path(request.out))
    made = manifest(
        request.spec,
        1,
        created_at=request.origin.created_at,
        verdict=BETTER,
        job_id=request.origin.job_id,
        drift_event_id=request.origin.drift_event_id,
        replaced_version=request.origin.replaces,
    )
    return [{"stage": "fit", "epoch": 1}, result("promoted", BETTER, made)]


def refuses(request: JobRequest) -> list[Message]:
    return [{"stage": "fit", "epoch": 1}, result("refused", WORSE)]


def recalls(version: int) -> Act:
    return lambda request: [result("recalled", BETTER, version=version)]


def goes_back(request: JobRequest) -> list[Message]:
    """To the one version offered."""
    (version,) = request.archived
    return [{"stage": "rollback"}, result("rolled-back", BETTER, version=version)]


def dies(request: JobRequest) -> list[Message]:
    return [
        {"stage": "fit"},
        {"error": "the training process ended without a verdict (killed by signal 9)", "usage": False},
    ]


def complains(request: JobRequest) -> list[Message]:
    return [{"error": "18 labelled rows in the window; a training needs at least 20", "usage": True}]


def hangs(request: JobRequest) -> list[Message]:
    return [{"stage": "fit", "epoch": 1}]
