"""Columns that know the answer already: copies of the label, single predictors that are too good, row numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from driftline.explore.binning import bins_of
from driftline.explore.columns import Column
from driftline.explore.truth import Truth
from driftline.label_column import leakage

# One feature alone that ranks so well, or says so much, is rarely something that was known before the label.
SUSPECT_AUC = 0.98
SUSPECT_INFORMATION = 0.9
BINS = 32
# Rows of a class, and of the others, in the testing half: fewer, and a perfect ranking is luck.
FEWEST = 10
# A value that stands nearly only beside one class, in at least so many rows, of a column of few values.
SURE, SURE_ROWS, FEW_VALUES = 0.98, 20, 20
# A row number is in nearly perfect order with the rows.
ORDERED = 0.999


@dataclass(frozen=True, slots=True)
class Alone:
    """How well one column alone tells the label, on rows it was not learnt from.

    Attributes
    ----------
    auc : area under the ROC curve, the mean over classes against the rest; multilabel: of `best`, the class it tells
        best (or 'any class'). nan where too few rows carry a class.
    information : mutual information with the label divided by the label's entropy, 0 to 1.
    """

    name: str
    auc: float
    information: float
    best: str | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column not to be trained on without a second look; `says` continues 'column X …'."""

    name: str
    kind: Literal["copy", "predictor", "part", "row number"]
    says: str


def suspects(
    frame: pd.DataFrame, columns: Sequence[Column], truth: Truth | None, alone: Sequence[Alone], time: str | None
) -> tuple[Suspect, ...]:
    """Every suspect, copies of the label first."""
    found: list[Suspect] = []
    if truth is not None:
        for column in columns:
            if copied := leakage(frame[column.name], truth.answers):
                found.append(Suspect(column.name, "copy", copied))
    copies = {suspect.name for suspect in found}
    for one in sorted(alone, key=lambda one: -np.nan_to_num(one.auc)):
        if one.name in copies or not (one.auc >= SUSPECT_AUC or one.information >= SUSPECT_INFORMATION):
            continue
        what = f"class {one.best!r}" if one.best else "the label"
        found.append(
            Suspect(
                one.name,
                "predictor",
                f"alone predicts {what} nearly perfectly on rows it was not learnt from (AUC {one.auc:.3f}, "
                f"{max(one.information, 0):.0%} of the label's information)",
            )
        )
    named = {suspect.name for suspect in found}
    for column in columns:
        if truth is not None and column.name not in named and (said := _part(column, truth)):
            found.append(Suspect(column.name, "part", said))
        if column.name not in named | {time} and (order := _order(column)) > ORDERED:
            found.append(
                Suspect(
                    column.name,
                    "row number",
                    f"grows with the row number (rank correlation {order:.4f}, {column.distinct:,} distinct values): "
                    "an id or a clock, which says when a row was written and nothing of what comes",
                )
            )
    return tuple(found)


def tell_alone(columns: Sequence[Column], truth: Truth, rows: NDArray[np.intp], seed: int = 1) -> tuple[Alone, ...]:
    """How well each column alone tells the label.

    Parameters
    ----------
    rows : of the file, to be divided at random into a half that learns the share of each class in each bin, and a half
        that is told.
    """
    rows = rows[truth.known[rows]]
    learn = np.random.default_rng(seed).random(len(rows)) < 0.5
    holds, names = truth.holds[rows], list(truth.names[: truth.holds.shape[1]])
    if truth.multilabel:
        holds, names = np.column_stack([holds, holds.any(axis=1)]), [*names, "any class"]
    found = []
    for column in columns:
        part = column.take(rows)
        bins, count = bins_of(part, learn, BINS if part.codes is None else 1_000)
        # What the learning half has not seen is one bin: its members must not be told apart by their numbers.
        unseen = np.bincount(bins[learn], minlength=count) == 0
        bins = np.where(unseen[bins], count, bins)
        shares, tests = _counts(bins[learn], holds[learn], count + 1), _counts(bins[~learn], holds[~learn], count + 1)
        areas, informations = [], []
        for k in range(holds.shape[1]):
            prior = holds[learn, k].mean() if learn.any() else 0.0
            scores = (shares[0][:, k] + 2 * prior) / (shares[1] + 2)
            positive, negative = tests[0][:, k], tests[1] - tests[0][:, k]
            enough = min(positive.sum(), negative.sum()) >= FEWEST
            area = _area(scores, positive, negative) if enough else np.nan
            if enough and part.numbers is not None:
                area = max(area, _ranked(part.numbers[~learn], holds[~learn, k]))
            areas.append(area)
            informations.append(_information(np.stack([positive, negative], axis=1)) if enough else 0.0)
        if not np.isfinite(areas).any():
            found.append(Alone(column.name, np.nan, 0.0))
        elif truth.multilabel:
            best = int(np.nanargmax(areas))
            found.append(Alone(column.name, float(areas[best]), informations[best], names[best]))
        else:
            rest = (tests[1] - tests[0].sum(axis=1))[:, None]
            information = _information(np.hstack([tests[0], rest]))
            found.append(Alone(column.name, float(np.nanmean(areas)), information))
    return tuple(found)


def _counts(
    bins: NDArray[np.int64], holds: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of each class in each bin [bins, K], and all rows in each bin."""
    each = [np.bincount(bins[holds[:, k]], minlength=count) for k in range(holds.shape[1])]
    return np.stack(each, axis=1).astype(np.float64), np.bincount(bins, minlength=count).astype(np.float64)


def _area(scores: NDArray[np.float64], positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve of rows that carry their bin's score; bins of one score are one."""
    _, place = np.unique(scores, return_inverse=True)
    up, down = np.bincount(place, weights=positive), np.bincount(place, weights=negative)
    below = np.cumsum(down) - down
    return float((up * (below + down / 2)).sum() / (up.sum() * down.sum()))


def _ranked(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve of the value itself, whichever way it points; a missing value is the smallest.

    Bins of equal size cannot part off a class rarer than a bin; the order of the values can.
    """
    filled = np.where(np.isnan(values), -np.inf, values)
    ups, downs = int(positive.sum()), int((~positive).sum())
    area = (float(rankdata(filled)[positive].sum()) - ups * (ups + 1) / 2) / (ups * downs)
    return max(area, 1 - area)


def _information(table: NDArray[np.float64]) -> float:
    """I(bin; label) / H(label) of a table of counts, without what chance alone brings to both.

    The correction is Miller's ("Note on the bias of information estimates", 1955): a cell that is used adds 1 / 2n.
    """
    total = table.sum()
    label = _entropy(table.sum(axis=0), total)
    if label <= 0:
        return 0.0
    shared = label + _entropy(table.sum(axis=1), total) - _entropy(table.ravel(), total)
    return float(np.clip(shared / label, 0.0, 1.0))


def _entropy(counts: NDArray[np.float64], total: float) -> float:
    shares = counts[counts > 0] / total
    return float(-(shares * np.log(shares)).sum() + (len(shares) - 1) / (2 * total))


def _part(column: Column, truth: Truth) -> str | None:
    """Whether a value of the column stands beside one class only: a fault's kind, where the label is any fault."""
    if column.kind == "text" or not 2 <= column.distinct <= FEW_VALUES:
        return None
    bins, count = bins_of(column, slice(None), FEW_VALUES)
    holds, known = _counts(bins[truth.known], truth.holds[truth.known], count)
    # A class of most rows stands beside every value; only beside a rarer one does it say something.
    rare = truth.holds[truth.known].mean(axis=0) <= 0.5
    sure = (known[:, None] >= SURE_ROWS) & (holds >= SURE * known[:, None]) & rare[None, :]
    sure[0] = False
    if not sure.any():
        return None
    value, k = (int(place) for place in np.argwhere(sure)[0])
    return (
        f"has a value that stands in {known[value]:,.0f} rows, {holds[value, k]:,.0f} of them of class "
        f"{truth.names[k]!r} ({truth.counts[k] / truth.known.sum():.1%} of all rows are)"
    )


def _order(column: Column) -> float:
    """Rank correlation of the values with the row number; 0 of a column with few distinct or many missing values."""
    values = column.numbers
    if values is None or len(values) < 20 or column.distinct < 0.5 * len(values) or np.isnan(values).any():
        return 0.0
    return float(np.corrcoef(rankdata(values), np.arange(len(values)))[0, 1])
