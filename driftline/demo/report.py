"""The demo's figures, from the books kept of its topics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.demo.story import CHANGES, row_of
from driftline.records.loop import DriftEvent, ModelEvent
from driftline.watch.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Course:
    """The stream row by row; all arrays have one entry a labelled row, in row order.

    Attributes
    ----------
    static : whether version 1 alone would have been right.
    """

    rows: NDArray[np.int64]
    correct: NDArray[np.bool_]
    versions: NDArray[np.int64]
    static: NDArray[np.bool_]

    def swaps(self) -> list[tuple[int, int]]:
        """(first row, version) of each change of the answering version, in row order."""
        changed = np.flatnonzero(np.diff(self.versions)) + 1
        seen: list[tuple[int, int]] = []
        for at in changed.tolist():
            version = int(self.versions[at])
            # Around a swap, rows of different partitions interleave for a moment: only the first row counts.
            if not any(v == version and abs(row - int(self.rows[at])) < 50 for row, v in seen) and (
                not seen or seen[-1][1] != version
            ):
                seen.append((int(self.rows[at]), version))
        return [(row, version) for row, version in seen if self._settles(row, version)]

    def _settles(self, row: int, version: int) -> bool:
        after = self.versions[(self.rows >= row) & (self.rows < row + 50)]
        return bool(len(after)) and float((after == version).mean()) > 0.5


def course(ledger: Ledger, static: dict[int, bool]) -> Course:
    """The labelled rows of a run; `static` says for each row whether version 1 is right there."""
    found = sorted(
        (row, outcome.correct, outcome.version, static[row])
        for outcome in ledger.outcomes
        if (row := row_of(outcome.record_id)) is not None
    )
    rows, correct, versions, alone = (list(column) for column in zip(*found, strict=True)) if found else ([],) * 4
    return Course(np.array(rows, int), np.array(correct, bool), np.array(versions, int), np.array(alone, bool))


def event_entry(event: DriftEvent, newest: DriftEvent | None = None) -> dict[str, Any]:
    """A drift event as the report has it; `delay_records` counts from the last known change before it.

    What was found out about it later is of its `newest` record.
    """
    newest = newest or event
    row = row_of(event.detected.record_id)
    onset = row_of(event.onset.record_id)
    before = [change for change in CHANGES if row is not None and change <= row]
    return {
        "row": row,
        "kind": event.kind.value,
        "severity": event.severity,
        "onset_row": onset,
        "features": [blame.feature for blame in event.features[:5]],
        "delay_records": row - before[-1] if row is not None and before else None,
        "model_version": event.model_version,
        "shape": newest.shape,
        "cause": newest.cause,
        "closed_because": newest.closed_because,
        "summary": event.summary,
    }


def build(ledger: Ledger, run: Course, seconds: float, stage_seconds: dict[str, float]) -> dict[str, Any]:
    """The report of a demo run."""
    newest = {event.event_id: event for event in ledger.drift_events}
    events = [event_entry(event, newest[event.event_id]) for event in ledger.alarms]
    swaps = run.swaps()
    promotions = [event for event in ledger.model_events if event.kind.changes_champion and event.job_id]
    return {
        "records": len(ledger.sent),
        "predictions": sum(ledger.versions.values()),
        "labels": ledger.labels,
        "lost": ledger.lost,
        "duplicates": ledger.duplicates,
        "dead_letters": sum(ledger.buried.values()),
        "drift_events": events,
        "retrainings": len(ledger.jobs),
        "promotions": [_promotion(event, swaps) for event in promotions],
        "verdicts": [event.kind.value for event in ledger.model_events if event.job_id],
        "accuracy": accuracies(run, [row for row, _ in swaps]),
        "latency_ms": dict(zip(("median", "p99"), ledger.latency() or (None, None), strict=True)),
        "seconds": round(seconds, 1),
        "stage_seconds": {name: round(value, 1) for name, value in stage_seconds.items()},
    }


def _promotion(event: ModelEvent, swaps: Sequence[tuple[int, int]]) -> dict[str, Any]:
    rows = [row for row, version in swaps if version == event.version]
    return {
        "version": event.version,
        "kind": event.kind.value,
        "first_row": rows[0] if rows else None,
        "seconds": event.seconds,
        "reasons": event.reasons,
    }


def accuracies(run: Course, swaps: Sequence[int]) -> dict[str, float | None]:
    """Accuracy over the parts of the stream, None where a part is empty.

    A change is 'in drift' from its known row to the first swap after it, and 'after recovery' from there to the next
    change.
    """
    in_drift = np.zeros(len(run.rows), bool)
    recovered = np.zeros(len(run.rows), bool)
    for i, change in enumerate(CHANGES):
        end = CHANGES[i + 1] if i + 1 < len(CHANGES) else int(run.rows.max(initial=0)) + 1
        swap = next((row for row in swaps if change < row < end), end)
        in_drift |= (run.rows >= change) & (run.rows < swap)
        recovered |= (run.rows >= swap) & (run.rows < end)

    def mean(values: NDArray[np.bool_], where: NDArray[np.bool_] | slice = slice(None)) -> float | None:
        chosen = values[where]
        return round(float(chosen.mean()), 4) if len(chosen) else None

    return {
        "static_model": mean(run.static),
        "loop": mean(run.correct),
        "before_drift": mean(run.correct, run.rows < CHANGES[0]),
        "in_drift": mean(run.correct, in_drift),
        "after_recovery": mean(run.correct, recovered),
    }


def rolling(values: NDArray[np.bool_], window: int) -> NDArray[np.float64]:
    """Mean over the last `window` values at each place; over fewer at the beginning."""
    total = np.concatenate([[0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return np.asarray((total[ends] - total[starts]) / (ends - starts), dtype=np.float64)
