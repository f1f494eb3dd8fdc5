"""A retraining from job to verdict, through the trainer's own child process, and where the time goes.

    python -m benchmarks.retraining --data FILE.csv.gz     # the first rows of a file, the label in the last column
    python -m benchmarks.retraining                        # generated: 5,000 rows, 33 features, 6 classes

`cold` begins with the start of the process (TensorFlow is imported meanwhile); `warm` is how a running trainer answers,
which keeps such a process waiting.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftline.spec.stream import StreamSpec
from driftline.tables import read_table
from training.child import TrainingChild
from training.data import from_frame
from training.messages import JobRequest, JobResult, Message
from training.npz import save_dataset
from training.origin import Origin


def generated(rows: int, features: int = 33, classes: int = 6) -> pd.DataFrame:
    """Blobs that overlap."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, rows)
    values = rng.normal(size=(rows, features)) + 0.5 * rng.normal(size=(classes, features))[labels]
    frame = pd.DataFrame(values, columns=[f"x{j:02d}" for j in range(features)])
    return frame.assign(label=labels.astype(str))


def stream_of(frame: pd.DataFrame) -> StreamSpec:
    """A stream of numbers, with the defaults of a new one."""
    *features, label = frame.columns
    return StreamSpec.model_validate(
        {
            "stream": "retraining",
            "label": label,
            "classes": sorted(frame[label].unique()),
            "features": [{"name": name, "type": "numeric"} for name in features],
        }
    )


def answer(child: TrainingChild, request: JobRequest) -> tuple[float, JobResult]:
    """Seconds from the job to its verdict, and the verdict."""
    began = time.perf_counter()
    child.start(request)
    said: list[Message] = []
    while not (said and ("result" in said[-1] or "error" in said[-1])):
        said += child.poll()
        time.sleep(0.01)
    if "error" in said[-1]:
        raise SystemExit(said[-1]["error"])
    return time.perf_counter() - began, JobResult.model_validate(said[-1]["result"])


def run(frame: pd.DataFrame) -> None:
    """Print both."""
    spec = stream_of(frame)
    dataset = from_frame(spec, frame)
    print(f"{len(dataset):,} rows x {len(spec.features)} features, {len(spec.classes)} classes")
    for kind in ("cold", "warm"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            save_dataset(path / "data.npz", dataset)
            given: dict[str, Any] = {"data": str(path / "data.npz"), "registry": str(path / "models")}
            request = JobRequest(
                spec=spec, out=str(path / "out"), origin=Origin(source="kafka", created_at=1, job_id="j"), **given
            )
            child = TrainingChild()
            try:
                if kind == "warm":
                    child.warm()
                    while not child.ready:
                        child.poll()
                        time.sleep(0.05)
                    time.sleep(5)  # its rehearsal
                seconds, result = answer(child, request)
            finally:
                child.kill()
        stages = ", ".join(f"{name} {took:.1f}" for name, took in result.seconds.items())
        rest = seconds - sum(result.seconds.values())
        found = result.evaluation
        print(f"{kind}: {seconds:.1f} s ({stages}, the rest {rest:.1f}); {result.kind}, accuracy {found.accuracy:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a data file; the label in its last column")
    parser.add_argument("--rows", type=int, default=5_000)
    chosen = parser.parse_args()
    run(read_table(chosen.data).iloc[: chosen.rows] if chosen.data else generated(chosen.rows))
