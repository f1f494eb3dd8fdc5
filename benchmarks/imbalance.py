"""What resampling, calibration and thresholds do on a file with a rare class.

`python -m benchmarks.imbalance FILE.csv` prints the table of docs/imbalance.md, of a binary file whose columns
are numbers but for `label` (0 or 1) and, if there, `ID`. One seed, six epochs; the newest fifth is held out.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score

from driftline.spec.stream import StreamSpec
from training.data import from_frame
from training.figures import calibration_error
from training.fit import VALIDATION, decided, fit

COST = [[0, 1], [5, 0]]


def spec_of(features: list[str], method: str = "none", **decision: Any) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "stream": "rare",
            "task": "binary",
            "classes": ["0", "1"],
            "features": [{"name": name, "type": "numeric"} for name in features],
            "training": {
                "epochs": 6,
                "batch_size": 256,
                "network": {"hidden": [64, 32], "dropout": 0.3},
                "imbalance": {"method": method},
                "decision": decision,
            },
        }
    )


def main(file: str, methods: list[str]) -> None:
    frame = pd.read_csv(file)
    features = [name for name in frame.columns if name not in ("ID", "label")]
    older, held_out = from_frame(spec_of(features), frame).split_newest(0.2)
    _, validation = older.split_newest(VALIDATION)
    truth = held_out.labels
    print("| imbalance | calibration | thresholds | threshold | accuracy | F1 | PR-AUC | ECE | cost a row |")
    print("|---|---|---|---|---|---|---|---|---|")
    for method in methods:
        # The weights do not depend on the decision: one training serves all of its settings.
        fitted = fit(spec_of(features, method), older)
        for calibration in ("none", "temperature", "isotonic"):
            for thresholds in ("half", "f-beta", "cost"):
                cost = {"cost": COST} if thresholds == "cost" else {}
                spec = spec_of(features, method, calibration=calibration, thresholds=thresholds, **cost)
                version = decided(spec, fitted, validation)
                p = version.score(held_out.columns)
                codes = version.decision(spec).codes(p)
                paid = np.array(COST)[truth.astype(int), codes.astype(int)].mean()
                error = calibration_error(p.max(axis=1), p.argmax(axis=1) == truth, np.ones((1, len(p))))[0]
                threshold = version.thresholds[0] if version.thresholds else 0.5
                print(
                    f"| {method} | {calibration} | {thresholds} | {threshold:.2f} "
                    f"| {(codes == truth).mean():.3f} | {f1_score(truth, codes):.3f} "
                    f"| {average_precision_score(truth, p[:, 1]):.3f} | {error:.3f} "
                    f"| {paid:.3f} |"
                )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["none", "class-weights", "smote", "adasyn"])
