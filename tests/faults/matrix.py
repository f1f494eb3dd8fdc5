"""The runs of `make test-faults`, and what they add up to."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from tests.faults.chaos import Recovery
from tests.faults.plan import FREEZE, LEAVE
from tests.faults.run import Result, Settings

LEAST_KILLS, LEAST_RECORDS = 200, 1_000_000

RUNS = (
    Settings("one-node", seed=1, records=450_000, rate=2_600, kills=75),
    Settings("one-node-kafka-python", seed=2, records=180_000, rate=1_300, kills=50, client="kafka-python"),
    Settings("three-nodes", seed=3, records=250_000, rate=1_900, kills=50, nodes=3),
    Settings("three-nodes-kafka-python", seed=4, records=140_000, rate=1_100, kills=45, nodes=3, client="kafka-python"),
)


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """The document of build/faults.json."""
    sizes: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for result in results:
        sizes.update(result.report.sizes)
        faults.update(result.report.faults)
    kills = sum(result.kills for result in results)
    return {
        "clean": all(result.clean for result in results),
        "totals": {
            "records": sizes["accepted"],
            "kills": kills,
            "faults": sum(sum(result.injected.values()) for result in results),
            "seconds": round(sum(result.seconds for result in results), 1),
            "seeds": [result.settings.seed for result in results],
            "promotions_by_operator": sum(result.promotions for result in results),
            "lost": faults["lost"],
            "duplicated": faults["duplicated"],
            "mis_versioned": sum(result.report.mis_versioned for result in results),
            "reordered": faults["reordered"],
            "all_counts": {**sizes, **faults},
        },
        "services": {
            kind: {
                "kills": sum(
                    count
                    for result in results
                    for (of, name), count in result.injected.items()
                    if of == kind and name not in (FREEZE, LEAVE)
                ),
                "recovery_seconds": spread([r.seconds for r in _recoveries(results) if _killed(r, kind)]),
            }
            for kind in sorted({kind for result in results for kind, _ in result.injected})
        },
        "reading": "Faults of one run overlap in time: what a run lost, if anything, stands with each of its faults.",
        "faults": _by_fault(results),
        "runs": [result.document() for result in results],
    }


def _by_fault(results: Sequence[Result]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    seconds: dict[str, list[float]] = defaultdict(list)
    for recovery in _recoveries(results):
        seconds[recovery.fault].append(recovery.seconds)
    for name in sorted({name for result in results for _, name in result.injected}):
        with_it = [result for result in results if any(fault == name for _, fault in result.injected)]
        by_service: Counter[str] = Counter()
        for result in with_it:
            by_service.update({kind: count for (kind, fault), count in result.injected.items() if fault == name})
        table[name] = {
            "injected": sum(by_service.values()),
            "lost": sum(result.report.faults["lost"] for result in with_it),
            "duplicated": sum(result.report.faults["duplicated"] for result in with_it),
            "mis_versioned": sum(result.report.mis_versioned for result in with_it),
            "reordered": sum(result.report.faults["reordered"] for result in with_it),
            "recovery_seconds": spread(seconds[name]),
            "by_service": dict(sorted(by_service.items())),
        }
    return table


def spread(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Median and worst of some durations, in seconds, and of how many."""
    if not seconds:
        return {"median": None, "worst": None, "of": 0}
    return {"median": round(statistics.median(seconds), 2), "worst": round(max(seconds), 2), "of": len(seconds)}


def _recoveries(results: Sequence[Result]) -> list[Recovery]:
    return [recovery for result in results for recovery in result.recoveries]


def _killed(recovery: Recovery, kind: str) -> bool:
    return recovery.kind == kind and recovery.fault not in (FREEZE, LEAVE)
