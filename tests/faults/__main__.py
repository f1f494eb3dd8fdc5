"""`python -m tests.faults`: the whole matrix, on one node of Apache Kafka and on three; writes build/faults.json.

Exit status 1 if anything was lost, duplicated, mis-versioned, counted wrongly, or not recovered from.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.matrix import LEAST_KILLS, LEAST_RECORDS, RUNS, summary
from tests.faults.run import Result, Settings, run
from tests.faults.world import first_models
from tests.kafka.apache import ApacheKafka


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/faults.json"))
    parser.add_argument("--only", choices=[settings.name for settings in RUNS], help="one run of the matrix")
    parser.add_argument("--seed", type=int, default=0, help="added to each run's own; the same plans the same faults")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the records and kills, for a quick look")
    asked = parser.parse_args()
    chosen = [
        replace(
            settings,
            seed=settings.seed + asked.seed,
            records=int(settings.records * asked.scale),
            kills=int(settings.kills * asked.scale),
        )
        for settings in RUNS
        if asked.only in (None, settings.name)
    ]
    console = Console()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    folder = asked.out.parent.resolve() / "faults"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    console.print("training the first model")
    models = first_models(folder / "first")
    results: list[Result] = []
    for nodes in sorted({settings.nodes for settings in chosen}):
        with kafka(folder / f"kafka-{nodes}", nodes) as bootstrap:
            for settings in (s for s in chosen if s.nodes == nodes):
                results.append(_one(settings, bootstrap, models, folder / settings.name, console))
                document = summary(results)
                asked.out.write_text(json.dumps(document, indent=2) + "\n")
    show(document, console)
    console.print(f"{asked.out} written; {time.monotonic() - began:,.0f} s in all")
    whole = asked.only is None and asked.scale >= 1
    enough = document["totals"]["kills"] >= LEAST_KILLS and document["totals"]["records"] >= LEAST_RECORDS
    if whole and not enough:
        console.print(f"[red]too little: {LEAST_KILLS} kills and {LEAST_RECORDS:,} records are to be shown")
    return 0 if document["clean"] and (enough or not whole) else 1


def _one(settings: Settings, bootstrap: str, models: Path, folder: Path, console: Console) -> Result:
    console.rule(f"{settings.name} (seed {settings.seed})")
    result = run(settings, bootstrap, models, folder, lambda line: console.print(line, highlight=False))
    for line in [*result.report.lines(), *result.unexpected]:
        console.print(line, highlight=False, markup=False)
    console.print("[green]clean" if result.clean else "[red]not clean")
    return result


@contextmanager
def kafka(folder: Path, nodes: int) -> Iterator[str]:
    """A cluster of its own, and its data gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = ApacheKafka(folder, nodes)
    cluster.start()
    try:
        yield cluster.bootstrap
    finally:
        cluster.stop()
        for node in range(nodes):
            shutil.rmtree(folder / f"node-{node}", ignore_errors=True)


def show(document: dict[str, object], console: Console) -> None:
    """The document as two tables."""
    for title, section in (("by fault", "faults"), ("by service", "services")):
        table = Table(title=title, title_justify="left", box=None)
        rows = document[section]
        assert isinstance(rows, dict)
        for column in ("", *(key for key in next(iter(rows.values())) if key != "by_service")):
            table.add_column(column.replace("_", " "), justify="right" if column else "left")
        for name, row in rows.items():
            cells = [_cell(value) for key, value in row.items() if key != "by_service"]
            table.add_row(name, *cells)
        console.print(table)
    totals = document["totals"]
    assert isinstance(totals, dict)
    console.print(", ".join(f"{totals[k]:,} {k}" for k in ("records", "kills", "lost", "duplicated", "mis_versioned")))


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "–" if value["median"] is None else f"{value['median']:.1f} / {value['worst']:.1f}"
    return f"{value:,}"


if __name__ == "__main__":
    sys.exit(main())
