"""How far estimates without labels are off, before and after a change.

    python -m benchmarks.estimation --data insects_abrupt.csv.gz --change 1775 --data elec2.csv.gz

A model is trained by driftline itself on the first `--train` rows of each file; the rest is answered in order and
judged in windows of 500, without labels ever being shown to the estimate (the worst case), and with labels one window
late. Of F1 every class that occurs in a window counts, as answer or as truth; `since_promotion` compares F1 of all rows
together with what is estimated after the last.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.inference import infer_spec, stream_name
from driftline.model.answers import Decision
from driftline.model.scorer import open_scorer
from driftline.registry.registry import Registry
from driftline.tables import read_table
from driftline.wire.predictions import Predictions
from monitoring.class_estimate import ClassEstimate
from monitoring.estimate import AccuracyEstimate
from training.data import from_frame
from training.evaluate import correct
from training.initial import train_initial

WINDOW = 500
# Columns of the real files that are no measurement.
_NO_FEATURES = ("ID", "UDI", "Product ID", "Machine_failure")


def measure(file: str, train: int, change: int | None, multilabel: Sequence[str] = ()) -> dict[str, object]:
    """The figures of one file."""
    frame = read_table(Path(file))
    several = list(multilabel) if multilabel and set(multilabel) <= set(frame) else []
    left_out = [name for name in _NO_FEATURES if name in frame]
    spec = infer_spec(frame, stream_name(file), exclude=left_out, multilabel=several).spec
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(folder, spec.stream)
        train_initial(spec, frame.iloc[:train], registry, now_ms=1, baselines=())
        manifest, reference = registry.manifest(1), registry.reference(1)
        with registry.local_copy(1) as local:
            scorer = open_scorer(manifest, local)
        rows = from_frame(spec, frame.iloc[train:])
        decision = Decision.of(spec, manifest)
        probabilities = scorer.score(rows.columns)
    told, confidence = decision.answers(probabilities)
    codes = decision.codes(probabilities)
    right = correct(codes, rows.labels)
    found: dict[str, object] = {"file": Path(file).name, "train_rows": train, "window": WINDOW}
    for name, labels in (("no labels", False), ("labels one window late", True)):
        estimate, errors, covered, starts = AccuracyEstimate(reference, WINDOW), [], [], []
        classes, f1_errors, f1_covered = ClassEstimate(spec, reference, WINDOW), [], []
        for start in range(0, len(rows) - WINDOW + 1, WINDOW):
            part = slice(start, start + WINDOW)
            estimate.answered(confidence[part])
            now, truth = estimate.now(), right[part].mean()
            errors.append(abs(now.accuracy - truth))
            covered.append(now.low <= truth <= now.high)
            starts.append(train + start)
            classes.answered(_predictions(told[part], confidence[part], probabilities[part]), np.arange(WINDOW))
            found_f1, real = classes.now(), f1(codes[part], rows.labels[part], len(spec.classes))
            there = ~np.isnan(real) & ~np.isnan(found_f1.f1)
            f1_errors.append(np.abs(found_f1.f1 - real)[there])
            f1_covered.append(((found_f1.low <= real) & (real <= found_f1.high))[there])
            if labels:
                estimate.judged(confidence[part], right[part])
                classes.judged(codes[part], rows.labels[part], confidence[part])
        before = np.array([change is None or start + WINDOW <= change for start in starts])
        found[name] = {
            stretch: {
                "windows": int(chosen.sum()),
                "mean_error_points": round(100 * float(np.array(errors)[chosen].mean()), 2),
                "coverage": round(float(np.array(covered)[chosen].mean()), 3),
                **_of_classes([f1_errors[i] for i in np.flatnonzero(chosen)], "f1_error_points", 100),
                **_of_classes([f1_covered[i] for i in np.flatnonzero(chosen)], "f1_coverage", 1),
            }
            for stretch, chosen in (("before", before), ("after", ~before))
            if chosen.any()
        }
        whole, end = classes.since_promotion(), len(starts) * WINDOW
        real = f1(codes[:end], rows.labels[:end], len(spec.classes))
        found[name] |= {
            "since_promotion": {
                "macro_f1_estimated": round(whole.macro_f1, 3),
                "macro_f1": round(float(np.nanmean(real)), 3),
                "f1_coverage": round(float(((whole.low <= real) & (real <= whole.high))[~np.isnan(real)].mean()), 3),
            }
        }
    return found


def f1(answers: NDArray[Any], truth: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """F1 of each class, float64 [classes]; nan of one that occurs in neither."""
    if answers.ndim == 1:
        answers, truth = (column[:, None] == np.arange(classes) for column in (answers, truth))
    bottom = (answers.sum(axis=0) + truth.sum(axis=0)).astype(np.float64)
    return np.divide(2 * (answers & truth).sum(axis=0), bottom, out=np.full(classes, np.nan), where=bottom > 0)


def _of_classes(figures: list[NDArray[Any]], name: str, scale: int) -> dict[str, float]:
    return {name: round(scale * float(np.concatenate(figures).mean()), 3)}


def _predictions(told: list[Any], sure: NDArray[np.float32], p: NDArray[np.float32]) -> Predictions:
    n, nothing = len(told), np.zeros(len(told), dtype=np.int64)
    ids = [""] * n
    return Predictions(ids, ids, nothing, told, sure, p, nothing + 1, nothing, np.arange(n), nothing, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, help="a file, oldest row first")
    parser.add_argument("--change", action="append", type=int, help="row of the change in each file; -1: not known")
    parser.add_argument("--train", type=int, default=1_000, help="rows of the model")
    parser.add_argument("--multilabel", help="0/1 columns that are the classes, by commas, of files that have them all")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    changes = given.change or [-1] * len(given.data)
    results = []
    for file, change in zip(given.data, changes, strict=True):
        several = given.multilabel.split(",") if given.multilabel else ()
        results.append(measure(file, given.train, change if change >= 0 else None, several))
        print(json.dumps(results[-1]))
    if given.out:
        given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
