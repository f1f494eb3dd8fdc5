"""A stream, and the columns of a fleet's records, for the tests that look at distributions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.spec import CategoricalFeature, NumericFeature, StreamSpec, TextFeature
from producers.fleet.fleet import BLOCK, Fleet
from producers.fleet.plan import parse_fleet

NUMERIC = 5
SPEC = StreamSpec(
    stream="s",
    classes=("a", "b", "c", "d"),
    features=(
        *(NumericFeature(name=f"x{i}") for i in range(NUMERIC)),
        CategoricalFeature(name="mode", categories=("p", "q", "r")),
        TextFeature(name="note"),
    ),
)
# One half of a run before the drift, one after; enough for 1% effects to stand out at 4 standard errors.
HALF = 8 * BLOCK


@dataclass(frozen=True)
class Sample:
    fleet: Fleet
    x: NDArray[np.float64]
    mode: NDArray[np.object_]
    note: NDArray[np.object_]
    y: NDArray[np.object_]


def sample(plan: str = "", records: int = 2 * HALF, spec: StreamSpec = SPEC) -> Sample:
    """`records` rows of a fleet without device offsets, as columns."""
    fleet = Fleet(spec, parse_fleet(f"records: {records}\ndevice_spread: 0\n{plan}"))
    blocks = list(fleet.rows())
    values = [row for block in blocks for row in block.values]
    return Sample(
        fleet,
        np.array([row[:NUMERIC] for row in values], dtype=np.float64),
        np.array([row[NUMERIC] for row in values], dtype=object),
        np.array([row[NUMERIC + 1] for row in values], dtype=object),
        np.array([label for block in blocks for label in block.labels], dtype=object),
    )


def largest_error(taken: Sample, rows: slice) -> float:
    """How far the answers of `rows` are from the P(y|x) of the world as it was made, in standard errors.

    If y is drawn from p(x), then over any rows chosen by x the sum of [y = k] - p_k(x) has mean 0 and variance
    Σ p (1 - p). The largest over all classes and over the lower and upper half of each feature.
    """
    world = taken.fleet.world
    regions = world.region_probabilities(world.standardise(taken.x[rows]))
    y, x = taken.y[rows], taken.x[rows]
    worst = 0.0
    for answer, name in enumerate(world.answers):
        p = regions[:, world.region_answer == answer].sum(axis=1)
        for chosen in [x[:, j] > np.median(x[:, j]) for j in range(x.shape[1])]:
            for part in (chosen, ~chosen):
                error = ((y == name) - p)[part].sum() / np.sqrt((p * (1 - p))[part].sum() + 1)
                worst = max(worst, abs(float(error)))
    return worst
