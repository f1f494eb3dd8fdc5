"""Does the monitor keep its budget of false alarms? Stationary streams through its real parts, and the alarms counted.

`python -m benchmarks.false_alarms [--records 22_000_000] [--budget "1 per 1_000_000 records"]… [--kind NAME]…
[--seed 1] [--out FILE.json]`

Every stream is cut into lives of 250,000 records: each has a model of its own, with a reference of its own training
and held-out rows, so that no figure hangs on one lucky reference. All budgets see the same records.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from benchmarks.stationary import KINDS, Kind, Stream
from driftline.model.columns import Columns
from driftline.registry.overdispersion import overdispersion
from driftline.registry.reference import Reference, describe_features, describe_pairs
from driftline.spec.load import parse_spec
from driftline.spec.stream import StreamSpec
from driftline.wire.predictions import Predictions
from monitoring.budget import budget_of
from monitoring.concept.monitor import ConceptMonitor
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.prediction import PredictionMonitor
from monitoring.distribution.prior import PriorMonitor
from monitoring.distribution.stretch import Rows

BUDGETS = ("1 per 100_000 records", "1 per 1_000_000 records")
LIFE, BATCH = 250_000, 2_000
PARTS = ("concept", "data", "prediction", "prior")


@dataclass(slots=True)
class Tally:
    """False alarms of one kind at one budget, by part."""

    records: int = 0
    alarms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))


def spec_of(stream: Stream, budget: str) -> StreamSpec:
    features: list[dict[str, Any]] = [{"name": f"x{i}", "type": "numeric"} for i in range(stream.width)]
    if stream.categories:
        names = [f"c{i}" for i in range(stream.categories)]
        features.append({"name": "site", "type": "categorical", "categories": names})
    classes = [f"k{i}" for i in range(stream.n_classes)]
    document = {"stream": "quiet", "classes": classes, "features": features}
    return parse_spec({**document, "monitoring": {"false_alarms": budget}})


def columns_of(stream: Stream, rng: np.random.Generator, n: int) -> Columns:
    numeric = stream.features(n).astype(np.float32)
    listed = np.empty((n, 0), dtype=object)
    if stream.categories:
        shares = 1.0 / np.arange(1, stream.categories + 1)
        names = np.array([f"c{i}" for i in range(stream.categories)], dtype=object)
        listed = names[rng.choice(stream.categories, n, p=shares / shares.sum())][:, None]
    return Columns(numeric, listed, np.empty((n, 0), dtype=object))


def confidences_of(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    return np.maximum(rng.beta(4, 1.5, n), 0.2).astype(np.float32)


def reference_of(kind: Kind, stream: Stream, rng: np.random.Generator) -> Reference:
    spec = spec_of(stream, BUDGETS[0])
    columns, labels = columns_of(stream, rng, kind.training_rows), stream.classes(kind.training_rows)
    features = describe_features(spec, columns)
    held = kind.held_out_rows
    classes, confidences = stream.classes(held), confidences_of(rng, held)
    edges = Reference.model_fields["confidence_edges"].default
    sure = np.searchsorted(edges, confidences).astype(np.int64)
    return Reference(
        rows=kind.training_rows,
        features=features,
        dependence=describe_pairs(spec, columns, features),
        class_counts=tuple(np.bincount(labels, minlength=stream.n_classes).tolist()),
        class_overdispersion=overdispersion(labels, stream.n_classes),
        prediction_counts=tuple(np.bincount(classes, minlength=stream.n_classes).tolist()),
        confidence_counts=tuple(np.bincount(sure, minlength=len(edges) + 1).tolist()),
        prediction_overdispersion=overdispersion(classes, stream.n_classes),
        confidence_overdispersion=overdispersion(sure, len(edges) + 1),
        error_rate=float(stream.errors(held).mean()),
        held_out_rows=held,
    )


class Monitors:
    """The parts of one model's watch at one budget."""

    def __init__(self, stream: Stream, reference: Reference, budget: str) -> None:
        spec = spec_of(stream, budget)
        policy = spec.monitoring.policy
        self.data, self.prediction = DataMonitor(spec, reference), PredictionMonitor(spec, reference)
        self.prior = PriorMonitor(spec, reference)
        self.concept = ConceptMonitor(
            spec.monitoring.concept,
            policy.maximum_window,
            policy.cool_down_records,
            reference.error_rate,
            reference.held_out_rows,
            share=budget_of(spec.monitoring).concept,
        )

    def take(
        self, rows: Rows, predictions: Predictions, wrong: NDArray[np.bool_], classes: NDArray[np.int64]
    ) -> dict[str, int]:
        times = rows.event_times
        own = np.ones(len(wrong), dtype=np.bool_)
        return {
            "concept": sum(not found.escalated for found in self.concept.update(wrong, times, times)),
            # What DataMonitor.update does once a batch is binned; the binning is the same for all budgets.
            "data": len(self.data.window.update(rows)),
            "prior": len(
                self.prior.window.update(
                    replace(rows, bins=classes[:, None], values=np.empty((len(wrong), 0), dtype=np.float32))
                )
            ),
            "prediction": len(self.prediction.update(predictions, own, {}, {})),
        }


def live(kind: Kind, budgets: Sequence[str], tallies: dict[str, Tally], records: int, rng: np.random.Generator) -> None:
    """One model's life."""
    stream = kind.make(rng)
    reference = reference_of(kind, stream, rng)
    watches = {budget: Monitors(stream, reference, budget) for budget in budgets}
    names = np.array([f"k{i}" for i in range(stream.n_classes)], dtype=object)
    for start in range(0, records, BATCH):
        n = min(BATCH, records - start)
        columns, wrong = columns_of(stream, rng, n), stream.errors(n)
        truth = stream.classes(n)
        # The answers are of the same mix as the truth; which of them are wrong is drawn by itself.
        classes, confidences = truth, confidences_of(rng, n)
        places, nothing = np.arange(start, start + n), np.zeros(n, dtype=np.int64)
        binner = next(iter(watches.values())).data._binner
        values = binner.values(columns)
        rows = Rows([""] * n, places, binner.bins(columns, values), values, nothing, places, {}, {})
        predictions = Predictions(
            rows.record_ids,
            rows.record_ids,
            places,
            names[classes].tolist(),
            confidences,
            np.zeros((n, 0), dtype=np.float32),
            nothing,
            nothing,
            places,
            nothing,
            0,
        )
        for budget, watch in watches.items():
            tally = tallies[budget]
            tally.records += n
            for part, found in watch.take(rows, predictions, wrong, truth).items():
                tally.alarms[part] += found


def interval(alarms: int, records: int) -> tuple[float, float]:
    """The exact 95 % interval of a Poisson rate, per million records (Garwood 1936, Biometrika 28)."""
    low = chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    high = chi2.ppf(0.975, 2 * alarms + 2) / 2
    return round(float(low) / records * 1e6, 3), round(float(high) / records * 1e6, 3)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=lambda text: int(text.replace("_", "")), default=1_000_000)
    parser.add_argument("--budget", action="append", metavar="TEXT")
    parser.add_argument("--kind", action="append", metavar="NAME", choices=[kind.name for kind in KINDS])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    budgets = tuple(asked.budget or BUDGETS)
    kinds = [kind for kind in KINDS if not asked.kind or kind.name in asked.kind]
    weights = sum(kind.weight for kind in kinds)
    began, done = time.process_time(), 0
    found = {kind.name: {budget: Tally() for budget in budgets} for kind in kinds}
    document: dict[str, Any] = {}
    while done < asked.records:
        lives = min(asked.records - done, round(LIFE * weights))
        for kind in kinds:
            # By kind and place: the same streams whichever kinds are asked for.
            rng = np.random.default_rng([asked.seed, KINDS.index(kind), done])
            live(kind, budgets, found[kind.name], round(lives * kind.weight / weights), rng)
        done += lives
        document = {
            "seed": asked.seed,
            "cpu_seconds": round(time.process_time() - began, 1),
            "budgets": {budget: summary({name: t[budget] for name, t in found.items()}) for budget in budgets},
        }
        if asked.out is not None:
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            asked.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"{done:,} records, {document['cpu_seconds']} s", file=sys.stderr, flush=True)
    print(table(document))
    return document


def table(document: dict[str, Any]) -> str:
    """Alarms by kind, and the rates overall, as Markdown."""
    budgets = document["budgets"]
    names = {kind.name: kind.says for kind in KINDS}
    lines = [f"| kind | | records | {' | '.join(budgets)} |", "|---|---|---|" + "---|" * len(budgets)]
    for name, first in next(iter(budgets.values()))["kinds"].items():
        cells = [_cell(found["kinds"][name]) for found in budgets.values()]
        lines.append(f"| {name} | {names[name]} | {first['records']:,} | {' | '.join(cells)} |")
    overall = [found["overall"] for found in budgets.values()]
    lines.append(f"| all | | {overall[0]['records']:,} | {' | '.join(_cell(found) for found in overall)} |")
    return "\n".join(lines)


def _cell(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['alarms']} ({low:.2g} to {high:.2g} a million)"


def summary(tallies: dict[str, Tally]) -> dict[str, Any]:
    """Rates per million records with their intervals, of each kind and overall."""

    def line(alarms: int, records: int) -> dict[str, Any]:
        return {
            "records": records,
            "alarms": alarms,
            "per_million": round(alarms / records * 1e6, 3),
            "interval": interval(alarms, records),
        }

    records = sum(tally.records for tally in tallies.values())
    return {
        "overall": line(sum(sum(t.alarms.values()) for t in tallies.values()), records),
        "parts": {part: line(sum(t.alarms[part] for t in tallies.values()), records) for part in PARTS},
        "kinds": {
            name: {**line(sum(t.alarms.values()), t.records), "by_part": t.alarms} for name, t in tallies.items()
        },
    }


if __name__ == "__main__":
    main()
