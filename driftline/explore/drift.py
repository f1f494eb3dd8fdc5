"""Drift over the file: each tenth of its rows against the first one, and where it steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from driftline.explore.binning import bins_of
from driftline.explore.columns import Column
from driftline.explore.truth import Truth

SEGMENTS = 10
FEWEST = 50
"""Rows of a segment: with fewer, chance alone moves a tenth of them."""
BINS = 10
# The usual reading of the index (Siddiqi, "Credit risk scorecards", 2006): from a quarter on the population is another.
MAJOR = 0.25
# Of an index that is larger by chance: the share of columns without drift that may be named.
CHANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Drift:
    """What moves over the file.

    Attributes
    ----------
    starts : first row of each segment, and the number of rows: int64 [s + 1].
    names, psi : columns, and population stability index of each segment against the first, float64 [columns, s].
    limit : of each column, from where on it has drifted.
    classes, shares : classes, and the share of rows that carry each, float64 [classes, s]; empty without a label.
    label_psi, label_limit : of the label, float64 [s] (nan without one).
    steps : rows at which many columns step at once, strongest place between two segments.
    """

    starts: NDArray[np.int64]
    names: tuple[str, ...]
    psi: NDArray[np.float64]
    limit: NDArray[np.float64]
    classes: tuple[str, ...]
    shares: NDArray[np.float64]
    label_psi: NDArray[np.float64]
    label_limit: float
    steps: tuple[int, ...]

    @property
    def drifted(self) -> list[int]:
        """Columns that drifted, the strongest first."""
        peaks = self.psi.max(axis=1, initial=0.0)
        return [int(j) for j in np.argsort(-peaks, kind="stable") if peaks[j] > self.limit[j]]

    @property
    def label_drifted(self) -> bool:
        return bool(np.nanmax(self.label_psi, initial=0.0) > self.label_limit)

    def first(self, j: int) -> int:
        """The segment from 0 in which column j first drifts."""
        return int(np.argmax(self.psi[j] > self.limit[j]))


def drift_of(columns: Sequence[Column], rows: int, truth: Truth | None) -> Drift | None:
    """Compare segments of the file in its order; None of a file too short for two segments."""
    segments = min(SEGMENTS, rows // FEWEST)
    if segments < 2:
        return None
    starts = np.linspace(0, rows, segments + 1).astype(np.int64)
    segment = np.repeat(np.arange(segments), np.diff(starts))
    tables, binned = [], []
    for column in columns:
        bins, count = bins_of(column, slice(0, int(starts[1])), BINS if column.codes is None else 20)
        binned.append((bins, count))
        tables.append(np.bincount(segment * count + bins, minlength=segments * count).reshape(segments, count))
    psi = np.array([[index(table[0], line) for line in table] for table in tables]).reshape(len(tables), segments)
    limit = np.array([_limit(table) for table in tables])
    names = tuple(column.name for column in columns)
    classes, shares, label_psi, label_limit = _labels(truth, segment, segments)
    steps = _steps(starts, tables, binned, limit)
    return Drift(starts, names, psi, limit, classes, shares, label_psi, label_limit, steps)


def index(expected: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """Population stability index of two lists of counts; an empty bin counts as half a row."""
    used = (expected + found) > 0
    e, f = np.maximum(expected[used], 0.5), np.maximum(found[used], 0.5)
    e, f = e / e.sum(), f / f.sum()
    return float(((f - e) * np.log(f / e)).sum())


def _limit(table: NDArray[np.int64]) -> float:
    """From where on an index is drift: a quarter, or what chance may bring to segments so short.

    Between samples of one distribution the index is about (1/n + 1/m) times a chi-squared variable with as many degrees
    of freedom as bins less one (Yurdakul, "Statistical properties of population stability index", 2018).
    """
    used = max(int((table.sum(axis=0) > 0).sum()), 2)
    sizes = table.sum(axis=1)
    return max(MAJOR, float(chi2.isf(CHANCE, used - 1) * (1 / sizes[0] + 1 / sizes[1:].min())))


def _labels(
    truth: Truth | None, segment: NDArray[np.int64], segments: int
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64], float]:
    if truth is None:
        return (), np.zeros((0, segments)), np.full(segments, np.nan), np.inf
    known = np.bincount(segment[truth.known], minlength=segments)
    each = np.stack([np.bincount(segment[column], minlength=segments) for column in truth.holds.T])
    shares = np.where(known > 0, each / np.maximum(known, 1), np.nan)
    # Classes of a multilabel task exclude one another no more than they must: each beside those without any.
    rest = known - each.sum(axis=0) if not truth.multilabel else known - truth_rows(truth, segment, segments)
    table = np.vstack([each, np.maximum(rest, 0)]).T
    if min(known) < FEWEST // 2:
        return truth.names[: len(each)], shares, np.full(segments, np.nan), np.inf
    psi = np.array([index(table[0], line) for line in table])
    return truth.names[: len(each)], shares, psi, _limit(table)


def truth_rows(truth: Truth, segment: NDArray[np.int64], segments: int) -> NDArray[np.int64]:
    """Rows of each segment in which any class holds, int64 [segments]."""
    return np.bincount(segment[truth.holds.any(axis=1)], minlength=segments)


def _steps(
    starts: NDArray[np.int64],
    tables: list[NDArray[np.int64]],
    binned: list[tuple[NDArray[np.int64], int]],
    limit: NDArray[np.float64],
) -> tuple[int, ...]:
    """Rows where columns step: a boundary that an index crosses, and then the split that parts its two sides best."""
    segments = len(starts) - 1
    across = np.array([[index(t[i - 1], t[i]) for i in range(1, segments)] for t in tables]).reshape(len(tables), -1)
    crossed: list[bool] = np.any(across > limit[:, None], axis=0).tolist()
    found = []
    i = 0
    while i < segments - 1:
        if not crossed[i]:
            i += 1
            continue
        last = i
        # A step inside a segment shows on both of its ends.
        if last + 1 < segments - 1 and crossed[last + 1]:
            last += 1
        low, high = int(starts[i]), int(starts[last + 2])
        strongest = np.argsort(-across[:, i : last + 1].max(axis=1), kind="stable")[:8]
        found.append(low + _split([(binned[j][0][low:high], binned[j][1]) for j in strongest]))
        i = last + 1
    return tuple(found)


def _split(columns: list[tuple[NDArray[np.int64], int]]) -> int:
    """The row that parts the rows before from those after best: largest two-sample statistic, summed over columns.

    For each place it is the squared distance of the two distributions over bins, weighted by m (n - m) / n as the
    squared difference of two means would be: what a shift of the whole part between the ends makes largest at its row.
    """
    n = len(columns[0][0])
    places = np.arange(1, n)
    total = np.zeros(n - 1)
    for bins, count in columns:
        seen = np.cumsum(np.equal(bins[:, None], np.arange(count)[None, :]), axis=0)
        before = seen[:-1] / places[:, None]
        after = (seen[-1] - seen[:-1]) / (n - places)[:, None]
        total += ((before - after) ** 2).sum(axis=1) * places * (n - places) / n
    return int(np.argmax(total)) + 1
