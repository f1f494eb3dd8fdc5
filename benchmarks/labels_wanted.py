"""Are labels that the monitor asks for worth more than as many drawn at random?

    python -m benchmarks.labels_wanted --data elec2.csv.gz --data posture.csv.gz --seeds 12

Each file is shuffled, so that it stands still, and then changed at a known row: in a quarter of the space (the top of
one feature) every class becomes the next. One stream is drawn, and has no file. A random forest of 60 trees learns from
500 rows and answers 6,000 rows before the change and 6,000 after it; of every 100 answers 10 labels are asked for, by

- random: all drawn blindly (`random_share: 1.0`);
- mostly blind, mixed: four of five (as the monitor does it by default) and half; only blind ones are shown to the
  detector;
- mixed, all shown: half of them blind, all shown to the detector;
- doubt: nine of ten by doubt, all shown, as active learning is often done.

Measured on the same rows with the same seeds: alarms before the change (there is none to be found); labels from the
change to the first alarm after it; how far the error rate of the shown labels is from the truth before the change;
accuracy on 3,000 other rows of forests trained on the 500 rows and the labels before the change, and on the first 50,
100, 200 labels after it alone. Intervals: 95 %, Student's t over seeds; differences from random are paired by seed.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.ensemble import RandomForestClassifier

from driftline.records.wanted import BIASED
from driftline.spec import StreamSpec, parse_spec
from driftline.spec.monitoring import ConceptDriftSpec
from driftline.wire.predictions import Predictions
from monitoring.concept.monitor import ConceptMonitor
from monitoring.labels.wanted import WantedPicks

TRAIN, BEFORE, AFTER, TEST = 500, 6_000, 6_000, 3_000
ROUND, COUNT = 100, 10
BUDGETS = (50, 100, 200)
_NO_FEATURES = ("ID", "UDI", "Product ID", "Machine_failure")


@dataclass(frozen=True)
class Strategy:
    """How labels are asked for, and which of them the detector sees."""

    name: str
    random_share: float
    shows_all: bool


STRATEGIES = (
    Strategy("random", 1.0, True),
    Strategy("mostly blind", 0.8, False),
    Strategy("mixed", 0.5, False),
    Strategy("mixed, all shown", 0.5, True),
    Strategy("doubt", 0.1, True),
)


@dataclass
class World:
    """One shuffled stream with its change, and what the model of its first rows says of it."""

    x: NDArray[np.float64]
    truth: NDArray[np.int64]
    changed: NDArray[np.int64]
    train: tuple[NDArray[np.float64], NDArray[np.int64]]
    test: NDArray[np.float64]
    test_truth: NDArray[np.int64]
    test_changed: NDArray[np.int64]
    seed: int
    answers: NDArray[np.int64] = field(init=False)
    probabilities: NDArray[np.float32] = field(init=False)
    far: NDArray[np.float32] = field(init=False)
    held_out_error: float = field(init=False)
    classes: int = field(init=False)

    def __post_init__(self) -> None:
        self.classes = int(max(self.truth.max(), self.changed.max())) + 1
        model = forest(*self.train, self.seed)
        self.probabilities = spread(model, self.x, self.classes).astype(np.float32)
        self.answers = self.probabilities.argmax(axis=1)
        self.held_out_error = float((model.predict(self.test[:1_000]) != self.test_truth[:1_000]).mean())
        known = self.train[0]
        scale = np.where((std := known.std(axis=0)) > 0, std, np.inf)
        self.far = np.abs((self.x - known.mean(axis=0)) / scale).max(axis=1).astype(np.float32)


def forest(x: NDArray[np.float64], y: NDArray[np.int64], seed: int) -> RandomForestClassifier:
    return RandomForestClassifier(60, min_samples_leaf=2, random_state=seed, n_jobs=1).fit(x, y)


def spread(model: RandomForestClassifier, x: NDArray[np.float64], classes: int) -> NDArray[np.float64]:
    """Probabilities of all classes, float64 [n, classes]: a forest names only those that it has met."""
    out = np.zeros((len(x), classes))
    out[:, model.classes_] = model.predict_proba(x)
    return out


def drawn(seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A still stream: 4 classes, each of three normal clouds in 8 dimensions; the clouds are the same for all seeds."""
    centres = np.random.default_rng(0).normal(0, 1.6, (4, 3, 8))
    rng = np.random.default_rng([1, seed])
    n = TRAIN + BEFORE + AFTER + TEST
    y = rng.integers(0, 4, n)
    return centres[y, rng.integers(0, 3, n)] + rng.normal(0, 1.2, (n, 8)), y


def read(file: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Numeric columns and class codes of a file whose last column is the label."""
    frame = pd.read_csv(file)
    frame = frame.drop(columns=[name for name in _NO_FEATURES if name in frame])
    x = frame.iloc[:, :-1].select_dtypes("number").to_numpy(np.float64)
    return np.nan_to_num(x), pd.factorize(frame.iloc[:, -1], sort=True)[0].astype(np.int64)


def world(x: NDArray[np.float64], y: NDArray[np.int64], seed: int) -> World:
    """Shuffle, choose the region of the change, and cut."""
    rng = np.random.default_rng([2, seed])
    order = rng.permutation(len(x))[: TRAIN + BEFORE + AFTER + TEST]
    x, y = x[order], y[order]
    usable = np.flatnonzero([np.unique(column[:2_000]).size >= 8 for column in x.T])
    column = x[:, rng.choice(usable)]
    region = np.argsort(np.argsort(column, kind="stable"), kind="stable") >= 0.75 * len(column)
    changed = np.where(region, (y + 1) % (y.max() + 1), y)
    test = slice(TRAIN, TRAIN + TEST)
    rest = slice(TRAIN + TEST, None)
    truth = y[rest].copy()
    truth[BEFORE:] = changed[rest][BEFORE:]
    return World(x[rest], truth, changed[rest], (x[:TRAIN], y[:TRAIN]), x[test], y[test], changed[test], seed)


def run(one: World, strategy: Strategy) -> dict[str, float]:
    """The figures of one strategy on one stream."""
    names = [f"c{k}" for k in range(one.classes)]
    picks = WantedPicks(_spec(names, strategy.random_share))
    detector = _detector(one.held_out_error)
    asked: list[int] = []
    shown_wrong: list[bool] = []
    alarms, first, at_first = 0, 0, float("nan")
    for start in range(0, len(one.x), ROUND):
        rows = np.arange(start, min(start + ROUND, len(one.x)))
        found = picks.update(
            _predictions(one, rows, names),
            np.arange(len(rows)),
            one.far[rows],
            drifting=detector.standing is not None,
            version=1,
            labelled=lambda ids: (),
            now_ms=0,
        )
        new = [int(wanted.record_id) for wanted in found]
        asked += new
        shown = np.array(
            sorted(i for i, w in zip(new, found, strict=True) if strategy.shows_all or w.why not in BIASED), np.int64
        )
        wrong = one.answers[shown] != one.truth[shown]
        if start < BEFORE:
            shown_wrong += wrong.tolist()
        told = detector.update(wrong, shown, shown)
        if start + ROUND <= BEFORE:
            alarms += len(told)
            if told:
                # The alarm is noted, and the watch begins anew: the change that comes is a matter of its own.
                detector = _detector(one.held_out_error)
            first = len(asked)
        elif told and np.isnan(at_first):
            at_first = len(asked) - first
    before = np.array(asked[:first])
    real = float((one.answers[:BEFORE] != one.truth[:BEFORE]).mean())
    x, y = one.train
    grown = forest(np.concatenate([x, one.x[before]]), np.concatenate([y, one.truth[before]]), one.seed)
    figures = {
        "alarms_before": float(alarms),
        "found": float(not np.isnan(at_first)),
        "labels_to_alarm": at_first if not np.isnan(at_first) else float(len(asked) - first),
        "error_bias_points": 100 * (float(np.mean(shown_wrong)) - real),
        "accuracy_grown": float((grown.predict(one.test) == one.test_truth).mean()),
    }
    for budget in BUDGETS:
        chosen = np.array(asked[first : first + budget])
        anew = forest(one.x[chosen], one.truth[chosen], one.seed)
        figures[f"accuracy_after_{budget}"] = float((anew.predict(one.test) == one.test_changed).mean())
    return figures


def summary(values: Sequence[float]) -> dict[str, float]:
    """Mean and half the width of its 95 % interval."""
    n, found = len(values), np.array(values, dtype=np.float64)
    half = float(student.ppf(0.975, n - 1) * found.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return {"mean": round(float(found.mean()), 4), "half_width": round(half, 4)}


def measure(name: str, worlds: Sequence[World]) -> dict[str, Any]:
    """All strategies on all seeds of a stream."""
    found = {one.name: [run(w, one) for w in worlds] for one in STRATEGIES}
    base = found["random"]
    return {
        "stream": name,
        "seeds": len(worlds),
        "strategies": {
            strategy: {
                figure: {
                    **summary([run_[figure] for run_ in runs]),
                    "less_random": summary([a[figure] - b[figure] for a, b in zip(runs, base, strict=True)]),
                }
                for figure in base[0]
            }
            for strategy, runs in found.items()
        },
    }


def _detector(error: float) -> ConceptMonitor:
    return ConceptMonitor(ConceptDriftSpec(), 20_000, 500, error_rate=error, held_out_rows=1_000)


def _spec(names: list[str], share: float) -> StreamSpec:
    wanted = {"count": COUNT, "every_records": ROUND, "random_share": share}
    return parse_spec(
        {
            "stream": "benchmark",
            "classes": names,
            "features": [{"name": "f", "type": "numeric"}],
            "monitoring": {"labels_wanted": wanted},
        }
    )


def _predictions(one: World, rows: NDArray[np.int64], names: list[str]) -> Predictions:
    p, nothing = one.probabilities[rows], np.zeros(len(rows), dtype=np.int64)
    told: list[Any] = [names[k] for k in one.answers[rows]]
    ids = [str(row) for row in rows.tolist()]
    return Predictions(ids, ["d"] * len(rows), rows, told, p.max(axis=1), p, nothing + 1, nothing, rows, nothing, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", default=[], help="a file; the last column is the label")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    results = []
    for file in [None, *given.data]:
        whole = read(file) if file else None
        worlds = [world(*(whole or drawn(seed)), seed) for seed in range(given.seeds)]
        results.append(measure(Path(file).name if file else "drawn clouds", worlds))
        print(json.dumps(results[-1]), flush=True)
        if given.out:
            given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
