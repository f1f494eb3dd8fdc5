"""Which detector sees a change of dependence that no feature shows by itself, at what price?

    python -m benchmarks.multivariate                      # about five minutes
    python -m benchmarks.multivariate --trials 50 --out benchmarks/results/multivariate.json

2,000 reference rows, a window of 400, each method at level 0.001 a look. Features are normal, in pairs that correlate
at 0.8; the changed windows keep every marginal. Compared:

- pairs: `monitoring.distribution.correlation`, rank correlations of pairs, with its minimum change of 0.3;
- mmd: maximum mean discrepancy with 512 random Fourier features of a Gaussian kernel (Gretton et al. 2012; Rahimi and
  Recht 2007), median bandwidth, null by a block bootstrap of the reference (blocks of 25 rows);
- logistic, trees: a domain classifier (logistic regression; histogram gradient boosting), two-fold cross-validated, by
  the Mann-Whitney test of its scores.

Then the whole data monitor at its defaults, with pairs and without, over long quiet streams: events are false alarms.
With `--data FILE…` also over the numeric columns of real streams (CSV with a header, the label last), shuffled.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, norm
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from driftline.model.columns import Columns
from driftline.registry import Reference, describe_features
from driftline.registry.reference import describe_pairs
from driftline.spec import StreamSpec, parse_spec
from driftline.wire.features import Decoded
from monitoring.distribution.binning import FeatureBinner
from monitoring.distribution.correlation import Pairs
from monitoring.distribution.criteria import Criteria
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.geometry import Geometry

ROWS, WINDOW, LEVEL = 2_000, 400, 1e-3
Matrix = NDArray[np.float64]
_FREQUENCIES, _BLOCK, _BOOTSTRAPS = 512, 25, 4_000


@dataclass(frozen=True)
class World:
    """A stream: its rows before, and its rows after, as a function of a random generator, rows and features."""

    name: str
    changed: bool
    before: Callable[[np.random.Generator, int, int], Matrix]
    after: Callable[[np.random.Generator, int, int], Matrix]


def paired(rng: np.random.Generator, n: int, d: int, first: float = 0.8, rest: float = 0.8) -> Matrix:
    """Normal features; the pairs (0, 1), (2, 3) … correlate: the first at `first`, the others at `rest`."""
    rows = rng.normal(size=(n, d))
    strength = np.full(d // 2, rest)
    strength[0] = first
    rows[:, 1::2] = strength * rows[:, 0 : 2 * (d // 2) : 2] + np.sqrt(1 - strength**2) * rows[:, 1::2]
    return rows


def slow(rng: np.random.Generator, n: int, d: int, memory: float = 0.8) -> Matrix:
    """The same, each row a step of a first-order autoregression from the one before."""
    steps = paired(rng, n + 50, d) * np.sqrt(1 - memory**2)
    rows = np.empty_like(steps)
    rows[0] = steps[0]
    for t in range(1, len(rows)):
        rows[t] = memory * rows[t - 1] + steps[t]
    return rows[50:]


def folded(rng: np.random.Generator, n: int, d: int) -> Matrix:
    """The first pair independent, then a function of one another without a direction: |a| made normal by its rank."""
    rows = paired(rng, n, d, first=0.0)
    rows[:, 1] = norm.ppf(np.clip(2 * norm.cdf(np.abs(rows[:, 0])) - 1, 1e-6, 1 - 1e-6))
    return rows


WORLDS = (
    World("quiet", False, paired, paired),
    World("quiet, autocorrelated 0.8", False, slow, slow),
    World("one pair 0.8 to -0.8", True, paired, lambda rng, n, d: paired(rng, n, d, first=-0.8)),
    World("one pair 0.8 to 0", True, paired, lambda rng, n, d: paired(rng, n, d, first=0.0)),
    World("one pair 0 to 0.5", True, lambda r, n, d: paired(r, n, d, 0.0), lambda r, n, d: paired(r, n, d, 0.5)),
    World("all pairs 0.8 to 0", True, paired, lambda rng, n, d: paired(rng, n, d, 0.0, 0.0)),
    World("one pair 0 to folded", True, lambda rng, n, d: paired(rng, n, d, 0.0), folded),
)


class OurPairs:
    """`monitoring.distribution.correlation` as the monitor runs it, without the marginals."""

    def __init__(self, before: Matrix) -> None:
        spec = _spec(before.shape[1])
        reference = _reference(spec, before)
        assert reference.dependence is not None
        self._binner = FeatureBinner(spec, reference)
        layout = self._binner.layout
        self._pairs = Pairs(reference.dependence, reference.features, self._binner.references, layout)
        geometry = Geometry.of_features(self._binner.references)
        self._criteria = Criteria(spec.monitoring.data, layout, geometry, LEVEL, self._pairs)

    def says(self, now: Matrix) -> bool:
        columns = _columns(now)
        bins = self._binner.bins(columns, self._binner.values(columns))
        counts = np.bincount(bins.ravel(), minlength=len(self._binner.layout.counts))
        return len(self._criteria.judge(counts, self._pairs.count(bins)).apart) > 0


class Mmd:
    def __init__(self, before: Matrix) -> None:
        rng = np.random.default_rng(0)
        self._mean, self._std = before.mean(axis=0), before.std(axis=0)
        scaled = (before - self._mean) / self._std
        some = scaled[rng.choice(len(scaled), 400, replace=False)]
        apart = ((some[:, None] - some[None]) ** 2).sum(axis=2)
        width = np.sqrt(np.median(apart[np.triu_indices(len(some), 1)]))
        self._frequencies = rng.normal(size=(before.shape[1], _FREQUENCIES // 2)) / width
        embedded = self._embed(before)
        self._reference = embedded.mean(axis=0)
        blocks = embedded.reshape(len(before) // _BLOCK, _BLOCK, -1).mean(axis=1)
        drawn = rng.integers(0, len(blocks), (_BOOTSTRAPS, WINDOW // _BLOCK))
        weights = np.zeros((_BOOTSTRAPS, len(blocks)))
        np.add.at(weights, (np.arange(_BOOTSTRAPS)[:, None], drawn), _BLOCK / WINDOW)
        null = ((weights @ blocks - self._reference) ** 2).sum(axis=1)
        # The reference itself is a sample as well: its share of the variance is WINDOW / ROWS.
        self._threshold = float(np.quantile(null, 1 - LEVEL)) * (1 + WINDOW / ROWS)

    def _embed(self, rows: Matrix) -> Matrix:
        angles = (rows - self._mean) / self._std @ self._frequencies
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(_FREQUENCIES / 2)

    def says(self, now: Matrix) -> bool:
        return bool(((self._embed(now).mean(axis=0) - self._reference) ** 2).sum() > self._threshold)


class Classifier:
    model: Any

    def __init__(self, before: Matrix) -> None:
        self._before = before

    def says(self, now: Matrix) -> bool:
        rows = np.concatenate([self._before, now])
        of_now = np.repeat([False, True], [len(self._before), len(now)])
        score = cross_val_predict(self.model, rows, of_now, cv=2, method="predict_proba")[:, 1]
        return bool(mannwhitneyu(score[of_now], score[~of_now], alternative="greater").pvalue < LEVEL)


class Logistic(Classifier):
    model = LogisticRegression(max_iter=200)


class Trees(Classifier):
    model = HistGradientBoostingClassifier(max_iter=50, random_state=0)


QUIET: dict[str, Callable[[np.random.Generator, int], Matrix]] = {
    "33 independent": lambda rng, n: rng.normal(size=(n, 33)),
    "33, pairs at 0.8": lambda rng, n: paired(rng, n, 33),
    "33, pairs at 0.99": lambda rng, n: paired(rng, n, 33, 0.99, 0.99),
    "33 heavy-tailed (t of 2), pairs at 0.8": lambda rng, n: paired(rng, n, 33) / np.sqrt(rng.chisquare(2, (n, 1)) / 2),
    "33 autocorrelated 0.5": lambda rng, n: slow(rng, n, 33, 0.5),
    "33 autocorrelated 0.8": lambda rng, n: slow(rng, n, 33, 0.8),
    "10 autocorrelated 0.95": lambda rng, n: slow(rng, n, 10, 0.95),
}


def quiet(rows: Matrix) -> dict[str, Any]:
    """Events of the data monitor over rows that do not change, of which the first 2,000 are the reference."""
    before, stream = rows[:ROWS], rows[ROWS:]
    found: dict[str, Any] = {"records": len(stream)}
    for name, multivariate in (("without pairs", False), ("with pairs", True)):
        spec = _spec(rows.shape[1], multivariate=multivariate)
        monitor = DataMonitor(spec, _reference(spec, before))
        events, pairs = 0, 0
        for start in range(0, len(stream), 2_000):
            part = stream[start : start + 2_000]
            n = len(part)
            at = start + np.arange(n)
            ids = [f"r{row}" for row in at.tolist()]
            decoded = Decoded(ids, ["d"] * n, at, np.zeros(n, dtype=np.int64), at, _columns(part), [])
            findings = monitor.update(decoded, {0: start + n}, {})
            events += len(findings)
            pairs += sum(len(finding.window.judgement.apart) > 0 for finding in findings)
        found[name] = events
        if multivariate:
            found["of which by pairs"] = pairs
    return found


def shuffled(path: Path, rng: np.random.Generator) -> Matrix:
    """The numeric columns of a CSV file but its last, the rows in random order."""
    table = np.genfromtxt(path, delimiter=",", skip_header=1)[:, :-1]
    numeric = table[:, ~np.isnan(table).all(axis=0)]
    return rng.permutation(numeric)


METHODS: dict[str, Any] = {"pairs": OurPairs, "mmd": Mmd, "logistic": Logistic, "trees": Trees}


def _spec(features: int, **data: Any) -> StreamSpec:
    names = [{"name": f"f{i}", "type": "numeric"} for i in range(features)]
    return parse_spec({"stream": "benchmark", "classes": ["a", "b"], "features": names, "monitoring": {"data": data}})


def _reference(spec: StreamSpec, rows: Matrix) -> Reference:
    columns = _columns(rows)
    features = describe_features(spec, columns)
    return Reference(
        rows=len(rows),
        features=features,
        prediction_counts=(1, 1),
        confidence_counts=(1,) * 10,
        error_rate=0.0,
        held_out_rows=2,
        dependence=describe_pairs(spec, columns, features),
    )


def _columns(rows: Matrix) -> Columns:
    empty = np.empty((len(rows), 0), dtype=object)
    return Columns(rows.astype(np.float32), empty, empty)


def measure(features: int, trials: int) -> list[dict[str, Any]]:
    """The share of windows at which each method speaks, in each world, and its CPU seconds a look."""
    results = []
    for world in WORLDS:
        said = dict.fromkeys(METHODS, 0)
        seconds = dict.fromkeys(METHODS, 0.0)
        for seed in range(trials):
            rng = np.random.default_rng(1_000 * features + seed)
            before, after = world.before(rng, ROWS, features), world.after(rng, WINDOW, features)
            for name, method in METHODS.items():
                made = method(before)
                start = time.process_time()
                said[name] += made.says(after)
                seconds[name] += time.process_time() - start
        for name in METHODS:
            results.append(
                {
                    "features": features,
                    "world": world.name,
                    "changed": world.changed,
                    "method": name,
                    "trials": trials,
                    "said": said[name],
                    "seconds_a_look": round(seconds[name] / trials, 6),
                }
            )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--features", type=int, nargs="+", default=[10, 33])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/multivariate.json"))
    parser.add_argument("--quiet-records", type=int, default=100_000)
    parser.add_argument("--data", type=Path, nargs="*", default=[], metavar="FILE")
    options = parser.parse_args()
    results = [row for features in options.features for row in measure(features, options.trials)]
    print("| features | world | " + " | ".join(METHODS) + " |")
    print("|---|---|" + "---|" * len(METHODS))
    for at in range(0, len(results), len(METHODS)):
        rows = results[at : at + len(METHODS)]
        cells = [f"{row['said']}/{row['trials']}, {1_000 * row['seconds_a_look']:.2f} ms" for row in rows]
        print(f"| {rows[0]['features']} | {rows[0]['world']} | " + " | ".join(cells) + " |")
    silent: dict[str, Any] = {}
    for name, make in QUIET.items():
        silent[name] = quiet(make(np.random.default_rng(7), ROWS + options.quiet_records))
    for path in options.data:
        silent[f"{path.name.split('.')[0]}, shuffled"] = quiet(shuffled(path, np.random.default_rng(7)))
    for name, found in silent.items():
        print(f"| {name} | " + " | ".join(str(value) for value in found.values()) + " |")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    settings = {"reference_rows": ROWS, "window": WINDOW, "level": LEVEL}
    options.out.write_text(
        json.dumps({"settings": settings, "results": results, "quiet": silent}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
