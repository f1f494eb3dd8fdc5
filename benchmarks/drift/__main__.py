"""`python -m benchmarks.drift synthetic|injected|natural [--data FILE…] [--out FILE]`; see docs/detection.md."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.drift.calibration import FAMILIES
from benchmarks.drift.natural import natural
from benchmarks.drift.report import markdown, table
from benchmarks.drift.settings import OURS, Run, calibration, run_all
from benchmarks.drift.sources import Shuffled, Source, generators, read


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("part", choices=("synthetic", "injected", "natural"))
    parser.add_argument("--data", nargs="+", type=Path, default=[], help="CSV files of numbers, label last")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--trials", type=int, default=12, help="draws of each stream")
    parser.add_argument("--sizes", nargs="+", type=float, default=[0.5, 1.0], help="sizes of the injected changes")
    parser.add_argument("--kinds", nargs="+", default=[], help="kinds of change; all without it")
    parser.add_argument("--learner", choices=("tree", "naive-bayes", "hoeffding-tree"), default="tree")
    parser.add_argument("--detectors", nargs="+", choices=(*OURS, *FAMILIES), default=[*OURS, *FAMILIES])
    parser.add_argument("--calibration-records", type=int, default=400_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one draw and a coarse calibration, to see that it runs")
    chosen = parser.parse_args(arguments)
    if chosen.part != "synthetic" and not chosen.data:
        parser.error(f"{chosen.part} needs --data")
    if chosen.quick:
        chosen.trials, chosen.calibration_records, chosen.workers = 1, 50_000, 1
    return chosen


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Run one part; prints the tables, writes the results if asked to, and returns them."""
    chosen = parse(arguments)
    began = time.perf_counter()
    tables = [read(file) for file in chosen.data]
    sources: list[Source] = generators(seed=0) if chosen.part == "synthetic" else [Shuffled(one) for one in tables]
    calibrated = calibration(sources, chosen.detectors, chosen.calibration_records, chosen.workers)
    values = tuple((name, found["value"]) for name, found in calibrated["detectors"].items())
    run = Run(chosen.trials, tuple(chosen.sizes), chosen.learner, tuple(chosen.detectors), values)
    # Only the files' names: where they lie is nobody's business.
    words = [Path(word).name for word in arguments]
    results: dict[str, Any] = {"command": " ".join(["python -m benchmarks.drift", *words]), "calibration": calibrated}
    if chosen.part == "natural":
        results |= natural(tables, run)
    else:
        outcomes = run_all(sources, run, chosen.kinds, chosen.workers)
        results |= table(outcomes, {source.name: source.max_delay for source in sources})
        print(markdown(results))
    results["seconds"] = round(time.perf_counter() - began, 1)
    if chosen.out:
        chosen.out.write_text(to_json(results))
    return results


def to_json(results: dict[str, Any]) -> str:
    """JSON with a line for each row of a table."""
    parts = []
    for name, value in results.items():
        if isinstance(value, list) and value and isinstance(value[0], list):
            rows = ",\n  ".join(json.dumps(row) for row in value)
            parts.append(f" {json.dumps(name)}: [\n  {rows}\n ]")
        else:
            parts.append(f" {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
