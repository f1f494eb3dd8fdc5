"""Alarms against changes that are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from driftline.backtest.course import Alarm


@dataclass(frozen=True, slots=True)
class Detection:
    """How the known changes were found.

    Attributes
    ----------
    detected, missed : changes with and without an alarm in their time.
    delays : records from each detected change to its first alarm.
    false_alarms : alarms in no change's time.
    repeated : alarms in a change's time after its first.
    """

    detected: int
    missed: int
    delays: tuple[int, ...]
    false_alarms: int
    repeated: int

    @property
    def delay_median(self) -> float | None:
        return float(median(self.delays)) if self.delays else None


def detection(alarms: Sequence[Alarm], changes: Sequence[int], within: int) -> Detection:
    """Give each alarm to the change in whose time it was said.

    A change's time is the `within` records from its row on, and ends at the next change (the episode protocol of
    Cerqueira et al., KDD 2026, arXiv 2606.07789). Where an alarm says its own onset lies does not matter here.
    """
    rows = sorted(alarm.row for alarm in alarms)
    starts = sorted(set(changes))
    delays, repeated, inside = [], 0, 0
    for i, start in enumerate(starts):
        stop = min(start + within, starts[i + 1] if i + 1 < len(starts) else start + within)
        found = [row for row in rows if start <= row < stop]
        inside += len(found)
        if found:
            delays.append(found[0] - start)
            repeated += len(found) - 1
    return Detection(len(delays), len(starts) - len(delays), tuple(delays), len(rows) - inside, repeated)
