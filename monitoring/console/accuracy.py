"""How often the answers are right: now, over time, and by the monitor's estimate where there are no labels yet."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from driftline.kafka.interface import Batch
from monitoring.console.outcomes import Joined
from monitoring.console.timeline import Timeline

COLUMNS, WIDTH_MS, WIDEST_MS = 480, 1_000, 60_000
# The line begins with so many labelled answers; a share of fewer says nothing.
FEWEST_OUTCOMES = 25


class Estimate(NamedTuple):
    """An accuracy that was estimated without labels, and its 95 % interval; shares from 0 to 1."""

    accuracy: float
    low: float | None
    high: float | None


class AccuracyLine:
    """The share of right answers among the newest labelled ones, over time, beside the records that came.

    Parameters
    ----------
    window : labelled answers that the share is of.
    """

    def __init__(self, window: int) -> None:
        self._line = Timeline(
            {"records": "sum", "accuracy": "last", "estimate": "last", "low": "last", "high": "last"},
            columns=COLUMNS,
            width_ms=WIDTH_MS,
            widest_ms=WIDEST_MS,
        )
        self._rolling: deque[bool] = deque(maxlen=window)
        self._right = 0
        self.estimate: Estimate | None = None

    @property
    def window(self) -> int:
        """Labelled answers that the share is of now."""
        return len(self._rolling)

    @property
    def now(self) -> float | None:
        """The share now; None before the first labelled answer."""
        return round(self._right / len(self._rolling), 4) if self._rolling else None

    def records(self, batch: Batch) -> None:
        """Count a batch of NAME.features at the times its records were written."""
        times, counts = np.unique(np.asarray(batch.timestamps) // WIDTH_MS, return_counts=True)
        for time, count in zip(times.tolist(), counts.tolist(), strict=True):
            self._line.set("records", time * WIDTH_MS, count)

    def outcomes(self, joined: Sequence[Joined]) -> None:
        """Take answers that met their labels."""
        for one in joined:
            if len(self._rolling) == self._rolling.maxlen:
                self._right -= self._rolling[0]
            self._rolling.append(one.correct)
            self._right += one.correct
            if len(self._rolling) >= FEWEST_OUTCOMES:
                self._line.set("accuracy", one.at, self._right / len(self._rolling))

    def estimated(self, estimate: Estimate | None, now_ms: int) -> None:
        """Take the monitor's estimate; None where it makes none."""
        self.estimate = estimate
        if estimate is None:
            return
        self._line.set("estimate", now_ms, estimate.accuracy)
        if estimate.low is not None and estimate.high is not None:
            self._line.set("low", now_ms, estimate.low)
            self._line.set("high", now_ms, estimate.high)

    def shown(self) -> dict[str, Any]:
        """The columns as the page draws them; null where there is no value."""
        line = self._line
        return {
            "start": line.start,
            "width": line.width_ms,
            "records": [int(n) for n in line["records"][:, 0]],
            **{name: _numbers(line[name]) for name in ("accuracy", "estimate", "low", "high")},
        }


def _numbers(cells: Any) -> list[float | None]:
    return [None if value != value else round(float(value), 4) for value in cells[:, 0]]
