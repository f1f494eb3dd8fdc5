"""Jobs that train nothing: an archived version is put back into service, or the model in service stays."""

from collections.abc import Callable
from pathlib import Path

from driftline.errors import UsageError
from driftline.registry.registry import Registry
from training.archive import fits, load_archived, load_decision, load_version
from training.messages import JobRequest, JobResult, Message
from training.npz import load_dataset
from training.recall import search


def returned(request: JobRequest, say: Callable[[Message], None]) -> JobResult:
    """Answer a job of action `recall` or `rollback`: both compare on all rows of its window, new to every version.

    Raises
    ------
    UsageError : no model in service that could be compared.
    """
    spec, version = request.spec, request.champion_version
    registry = Registry(request.registry, spec.stream)
    if version is None or not fits(spec, registry, version):
        raise UsageError(
            f"a {request.action} compares archived versions with the model in service, and there is none that was "
            "made for this task, these classes and these features"
        )
    say({"stage": request.action})
    back = request.action == "rollback"
    found = search(
        spec,
        load_dataset(Path(request.data)),
        load_version(registry, version),
        load_archived(spec, registry, request.archived),
        load_decision(spec, registry, version),
        former=back,
    )
    if found.found is None:
        return JobResult(
            kind="refused", trained=False, reasons=found.reasons, evaluation=found.champion, champion=found.champion
        )
    return JobResult(
        kind="rolled-back" if back else "recalled",
        reasons=found.reasons,
        version=found.found.version,
        evaluation=found.found.evaluation,
        champion=found.found.champion,
    )
