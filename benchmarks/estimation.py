"""How far estimates without labels are off, before and after a change.

    python -m benchmarks.estimation --data insects_abrupt.csv.gz --change 1775 --data elec2.csv.gz

A model is trained by driftline itself on the first `--train` rows of each file; the rest is answered in order and
judged in windows of 500, without labels ever being shown to the estimate (the worst case), and with labels one window
late.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from driftline.inference import infer_spec, stream_name
from driftline.model.answers import Decision
from driftline.model.scorer import open_scorer
from driftline.registry.registry import Registry
from driftline.tables import read_table
from monitoring.estimate import AccuracyEstimate
from training.data import from_frame
from training.evaluate import correct
from training.initial import train_initial

WINDOW = 500


def measure(file: str, train: int, change: int | None) -> dict[str, object]:
    """The figures of one file."""
    frame = read_table(Path(file))
    spec = infer_spec(frame, stream_name(file), exclude=["ID"] if "ID" in frame else []).spec
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder, spec.stream)
        train_initial(spec, frame.iloc[:train], registry, now_ms=1, baselines=())
        manifest, reference = registry.manifest(1), registry.reference(1)
        with registry.local_copy(1) as local:
            scorer = open_scorer(manifest, local)
        rows = from_frame(spec, frame.iloc[train:])
        decision = Decision.of(spec, manifest)
        probabilities = scorer.score(rows.columns)
    _, confidence = decision.answers(probabilities)
    right = correct(decision.codes(probabilities), rows.labels)
    found: dict[str, object] = {"file": Path(file).name, "train_rows": train, "window": WINDOW}
    for name, labels in (("no labels", False), ("labels one window late", True)):
        estimate, errors, covered, starts = AccuracyEstimate(reference, WINDOW), [], [], []
        for start in range(0, len(rows) - WINDOW + 1, WINDOW):
            part = slice(start, start + WINDOW)
            estimate.answered(confidence[part])
            now, truth = estimate.now(), right[part].mean()
            errors.append(abs(now.accuracy - truth))
            covered.append(now.low <= truth <= now.high)
            starts.append(train + start)
            if labels:
                estimate.judged(confidence[part], right[part])
        before = np.array([change is None or start + WINDOW <= change for start in starts])
        found[name] = {
            stretch: {
                "windows": int(chosen.sum()),
                "mean_error_points": round(100 * float(np.array(errors)[chosen].mean()), 2),
                "coverage": round(float(np.array(covered)[chosen].mean()), 3),
            }
            for stretch, chosen in (("before", before), ("after", ~before))
            if chosen.any()
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, help="a file, oldest row first")
    parser.add_argument("--change", action="append", type=int, help="row of the change in each file; -1: not known")
    parser.add_argument("--train", type=int, default=1_000, help="rows of the model")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    changes = given.change or [-1] * len(given.data)
    results = []
    for file, change in zip(given.data, changes, strict=True):
        results.append(measure(file, given.train, change if change >= 0 else None))
        print(json.dumps(results[-1]))
    if given.out:
        given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
