"""How long a version takes to answer: measured on the form that will be served, before it may be."""

import time

import numpy as np

from driftline.model.columns import Columns
from driftline.model.scorer import Scorer
from driftline.registry.manifest import Latency
from driftline.spec.training import RolloutSpec

# Repeats of each measurement; the median of 50 holds to a few per cent on a machine that also does other things.
REPEATS = 50
# Nanoseconds after which a form so slow that 50 repeats would take seconds is measured well enough.
_ENOUGH = 500_000_000


def latency(scorer: Scorer, columns: Columns, batch: int) -> Latency:
    """The median time of a record alone and of one in a batch.

    Parameters
    ----------
    columns : rows to score, at least one; the newest are taken, over again where they are fewer than `batch`.
    batch : rows of a full batch (`serving.batch_size`).
    """
    rows = np.arange(len(columns) - 1, len(columns) - 1 - batch, -1) % len(columns)
    return Latency(
        alone_us=_median_us(scorer, columns.take(rows[:1])),
        batch_rows=batch,
        batch_us=_median_us(scorer, columns.take(rows)) / batch,
    )


def too_slow(rollout: RolloutSpec, found: Latency) -> list[str]:
    """A line if a record alone takes longer than `rollout.maximum_latency_us`."""
    most = rollout.maximum_latency_us
    if most is None or found.alone_us <= most:
        return []
    return [f"a record alone takes {found.alone_us:.0f} µs; rollout.maximum_latency_us allows {most:g}"]


def _median_us(scorer: Scorer, columns: Columns) -> float:
    scorer.score(columns)  # the first one compiles and allocates
    times: list[int] = []
    while len(times) < REPEATS and sum(times) < _ENOUGH:
        start = time.perf_counter_ns()
        scorer.score(columns)
        times.append(time.perf_counter_ns() - start)
    return float(np.median(times)) / 1000
