"""The space in which rows are neighbours: raw columns to comparable numbers, and back."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.model.columns import Columns
from driftline.model.lookups import CategoryLookup
from driftline.spec.stream import StreamSpec
from training.preprocessing import CONSTANT


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Learnt of some rows: each number after its `transform`, filled by its mean and normalised; a column 0 or 1 for
    each feature that has gaps; a code for each category (0: unknown or missing).

    Attributes
    ----------
    mean, deviation : float64 [D], D the transformed numbers: two (sine, cosine) for a cyclic feature, one for others.
    gaps : numeric features, ascending, that have missing values.
    least, greatest : float64 [N], of the raw values present; NaN where there are none.
    """

    spec: StreamSpec
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    gaps: tuple[int, ...]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]

    @property
    def numbers(self) -> int:
        """Columns before the categories' codes."""
        return len(self.mean) + len(self.gaps)

    def enter(self, columns: Columns) -> NDArray[np.float64]:
        """float64 [n, numbers + C]."""
        moved = _transformed(self.spec, columns.numeric)
        normal = np.where(np.isnan(moved), 0.0, (moved - self.mean) / self.deviation)
        missing = np.isnan(columns.numeric[:, list(self.gaps)]).astype(np.float64)
        codes = [
            CategoryLookup(feature.categories).codes(columns.categorical[:, i])[:, None].astype(np.float64)
            for i, feature in enumerate(self.spec.categorical)
        ]
        return np.concatenate([normal, missing, *codes], axis=1)

    def leave(self, values: NDArray[np.float64]) -> Columns:
        """Raw columns of float64 [n, numbers + C]; a number is missing where its gap column is nearer to 1."""
        moved = values[:, : len(self.mean)] * self.deviation + self.mean
        numeric, column = np.empty((len(values), len(self.spec.numeric))), 0
        for i, feature in enumerate(self.spec.numeric):
            if feature.transform == "cyclic":
                turn = np.arctan2(moved[:, column], moved[:, column + 1]) / (2 * np.pi)
                numeric[:, i] = (turn % 1.0) * (feature.period or 1.0)
                column += 2
                continue
            value = moved[:, column]
            raw = np.sign(value) * np.expm1(np.abs(value)) if feature.transform == "log" else value
            # Between two rows is never beyond all rows, but for rounding.
            numeric[:, i] = np.clip(raw, self.least[i], self.greatest[i])
            column += 1
        for place, i in enumerate(self.gaps):
            numeric[values[:, len(self.mean) + place] >= 0.5, i] = np.nan
        categorical = np.full((len(values), len(self.spec.categorical)), None, dtype=object)
        for i, feature_of in enumerate(self.spec.categorical):
            known = np.array([None, *feature_of.categories], dtype=object)
            categorical[:, i] = known[values[:, self.numbers + i].astype(np.int64)]
        return Columns(numeric.astype(np.float32), categorical, np.empty((len(values), 0), dtype=object))


def neighbourhood(spec: StreamSpec, columns: Columns) -> Neighbourhood:
    """Learn the space of these rows, which must be training rows only."""
    moved = _transformed(spec, columns.numeric)
    numeric = columns.numeric.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value has no mean
        mean = np.nan_to_num(np.nanmean(moved, axis=0))
        deviation = np.nan_to_num(np.nanstd(moved, axis=0))
        least, greatest = np.nanmin(numeric, axis=0), np.nanmax(numeric, axis=0)
    deviation = np.where(deviation <= np.maximum(CONSTANT * np.abs(mean), np.finfo(np.float32).tiny), 1.0, deviation)
    gaps = tuple(int(i) for i in np.flatnonzero(np.isnan(numeric).any(axis=0)))
    return Neighbourhood(spec, mean, deviation, gaps, least, greatest)


def _transformed(spec: StreamSpec, numeric: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64 [n, D], each feature by its `transform`; NaN stays NaN."""
    parts: list[NDArray[np.float64]] = []
    for i, feature in enumerate(spec.numeric):
        value = numeric[:, i].astype(np.float64)
        if feature.transform == "cyclic":
            turn = value * (2 * np.pi / (feature.period or 1.0))
            parts += [np.sin(turn), np.cos(turn)]
        else:
            parts.append(np.sign(value) * np.log1p(np.abs(value)) if feature.transform == "log" else value)
    return np.stack(parts, axis=1)
