"""Which numeric columns say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.explore.columns import Column

MOST_COLUMNS = 200
STRONG = 0.95


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation of numeric features.

    Attributes
    ----------
    matrix : float64 [c, c]; nan where two columns are never present together, or one does not vary.
    pairs : (name, other, r), the strongest first.
    left_out : numeric columns beyond the most that are compared.
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float64]
    pairs: tuple[tuple[str, str, float], ...]
    left_out: int = 0


def correlations(columns: Sequence[Column], rows: NDArray[np.intp], most: int = 20) -> Correlation | None:
    """Correlate numeric features over `rows`; None with fewer than two of them or than three rows."""
    numeric = [column for column in columns if column.kind == "numeric" and column.numbers is not None]
    chosen = numeric[:MOST_COLUMNS]
    if len(chosen) < 2 or len(rows) < 3:
        return None
    values = np.stack([c.numbers[rows] for c in chosen if c.numbers is not None], axis=1)
    # Pairs of rows in which both are present; scaled, so that squares of 1e200 are floats.
    largest = np.nanmax(np.abs(values), axis=0, initial=1.0)
    matrix = pd.DataFrame(values / largest).corr(min_periods=3).to_numpy()
    above = [
        (float(abs(matrix[i, j])), i, j)
        for i in range(len(chosen))
        for j in range(i + 1, len(chosen))
        if np.isfinite(matrix[i, j])
    ]
    above.sort(key=lambda found: (-found[0], found[1], found[2]))
    names = tuple(column.name for column in chosen)
    pairs = tuple((names[i], names[j], float(matrix[i, j])) for _, i, j in above[:most])
    return Correlation(names, matrix, pairs, len(numeric) - len(chosen))
