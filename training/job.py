"""One training in a process of its own: `python -m training.job`.

TensorFlow is imported at once, so that a spare process can wait with it in memory; it then reads one request from
standard input, answers it and ends, so that no training inherits another's memory or random state. See
`training.messages` for what is said.
"""

import json
import os
import select
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from driftline.errors import DriftlineError, UsageError
from driftline.registry.registry import Registry
from training.messages import JobRequest, JobResult, Message


def run(request: JobRequest, say: Callable[[Message], None]) -> JobResult:
    """Answer one request. Raises UsageError for data that cannot be trained on, RegistryError."""
    from training.archive import fits, load_archived, load_decision, load_start, load_version
    from training.challenge import challenged
    from training.npz import load_dataset
    from training.recall import Recall
    from training.returning import returned
    from training.train import train
    from training.warm import shorter

    if request.action in ("recall", "rollback"):
        return returned(request, say)
    onwards = request.action == "continue"
    spec = shorter(request.spec) if onwards else request.spec
    registry = Registry(request.registry, spec.stream)
    version = request.champion_version
    champion, decision = None, None
    if version is not None and fits(spec, registry, version):
        champion, decision = load_version(registry, version), load_decision(spec, registry, version)
    rows = load_dataset(Path(request.data))
    if request.action == "challenge" and champion is not None:
        say({"stage": "challenge"})
        standing = challenged(spec, rows, champion, decision)
        if standing is not None:
            return standing
    # A sliding window reaches back into worlds that archived versions have learnt: what they score on it is no measure.
    recall = champion is not None and spec.rollout.recall and request.action == "retrain-onset"
    archived = load_archived(spec, registry, request.archived) if recall else ()
    outcome = train(
        spec,
        rows,
        request.origin,
        Path(request.out),
        champion=champion,
        champion_decision=decision,
        start=load_start(spec, registry, version, asked=onwards),
        archived=archived,
        progress=lambda stage, epoch: say({"stage": stage, **(epoch._asdict() if epoch else {})}),
    )
    if isinstance(outcome, Recall):
        return JobResult(
            kind="recalled",
            reasons=outcome.reasons,
            version=outcome.version,
            evaluation=outcome.evaluation,
            champion=outcome.champion,
        )
    return JobResult(
        kind="promoted" if outcome.manifest else "refused",
        reasons=outcome.verdict.reasons,
        manifest=outcome.manifest,
        verdict=outcome.verdict,
        evaluation=outcome.verdict.candidate,
        champion=outcome.verdict.champion,
        seconds=outcome.seconds,
    )


class Say:
    """Writes messages where the parent reads them, whatever libraries print to standard output."""

    def __init__(self) -> None:
        # TensorFlow writes to descriptor 1 from C++ too, so the descriptor itself is moved, not only sys.stdout.
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def __call__(self, message: Message) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def main() -> int:
    say = Say()
    import training.train  # noqa: F401

    say({"ready": True})
    if not _asked():
        _rehearse()
    line = sys.stdin.buffer.readline()
    if not line:
        return 0  # the parent has closed the pipe: nothing to train
    try:
        say({"result": run(JobRequest.model_validate_json(line), say).model_dump(mode="json")})
    except DriftlineError as error:
        say({"error": str(error), "usage": isinstance(error, UsageError)})
        return error.exit_code
    except Exception as error:
        traceback.print_exc()
        say({"error": f"{type(error).__name__}: {error}", "usage": False})
        return 1
    return 0


def _asked() -> bool:
    """Whether a request is waiting already."""
    try:
        return bool(select.select([0], [], [], 0)[0])
    except (OSError, ValueError):
        return True  # no waiting on pipes here (Windows): then no rehearsal either


def _rehearse() -> None:
    """Train and export a toy while nothing else is asked.

    TensorFlow imports parts of itself, registers kernels and starts its converter at first use: about 1 s that the
    first job would otherwise wait for.
    """
    import numpy as np
    import pandas as pd

    from driftline.spec.stream import StreamSpec
    from training.data import from_frame
    from training.origin import Origin
    from training.train import train

    spec = StreamSpec.model_validate(
        {
            "stream": "rehearsal",
            "classes": ["a", "b"],
            "features": [{"name": "x", "type": "numeric"}],
            "training": {"epochs": 1},
        }
    )
    x = np.arange(40.0)
    frame = pd.DataFrame({"x": x, "label": np.where(x % 2, "a", "b")})
    with tempfile.TemporaryDirectory(prefix="driftline-rehearsal-") as folder:
        train(spec, from_frame(spec, frame), Origin(source="rehearsal", created_at=0), Path(folder) / "model")


if __name__ == "__main__":
    sys.exit(main())
