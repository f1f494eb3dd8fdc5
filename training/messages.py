"""What the service and the process that trains say to each other: one JSON document a line, no TensorFlow needed.

The child says `{"ready": true}` once TensorFlow is imported, reads one `JobRequest`, reports progress
(`{"stage": …, "epoch": …, "epochs": …, "loss": …, "val_loss": …}`) and ends with `{"result": JobResult}` or
`{"error": message, "usage": whether the input is to blame}`.
"""

from typing import Any, Literal

from pydantic import Field

from driftline.records.loop import JobAction
from driftline.registry.manifest import Document, Evaluation, Manifest, Verdict
from driftline.spec.stream import StreamSpec
from training.origin import Origin

Message = dict[str, Any]


class JobRequest(Document):
    """One training."""

    spec: StreamSpec
    data: str
    """File written by `training.npz.save_dataset`."""
    registry: str
    """Root of the registry, an absolute path or URL."""
    action: JobAction = "retrain-onset"
    """What the job asks for."""
    champion_version: int | None = None
    archived: tuple[int, ...] = ()
    """Versions that may be put back into service; those made for another specification are passed over."""
    out: str
    """Folder that the version's files are written into."""
    origin: Origin

    def to_line(self) -> bytes:
        """One line of JSON. The Kafka section stays behind: the child talks to no broker and needs no password."""
        return self.model_dump_json(exclude={"spec": {"kafka"}}).encode() + b"\n"


class JobResult(Document):
    """The verdict on a job.

    With 'promoted', the files of `manifest`'s version lie in the request's `out`, ready for `Registry.add`; with
    'recalled' or 'rolled-back', `version` is the one to put back into service.
    """

    kind: Literal["promoted", "refused", "recalled", "rolled-back"]
    trained: bool = True
    """Of a refusal: whether a candidate was trained at all."""
    reasons: tuple[str, ...]
    version: int | None = None
    manifest: Manifest | None = None
    verdict: Verdict | None = None
    evaluation: Evaluation
    champion: Evaluation | None = None
    seconds: dict[str, float] = Field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures as a model event carries them."""
        return metrics_of(self.evaluation, self.champion)


def metrics_of(evaluation: Evaluation, champion: Evaluation | None) -> dict[str, float]:
    """The figures of a verdict as a model event carries them; the model's that was in service begin `champion_`."""
    found = _figures(evaluation)
    if champion is not None:
        found |= {f"champion_{name}": value for name, value in _figures(champion).items()}
    return found


def _figures(evaluation: Evaluation) -> dict[str, float]:
    return {k: float(v) for k, v in evaluation.model_dump().items() if isinstance(v, int | float)}
