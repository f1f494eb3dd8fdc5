"""A column as a few bins: what leaks and drift are both measured on."""

import numpy as np
from numpy.typing import NDArray

from driftline.explore.columns import Column


def bins_of(column: Column, learn: NDArray[np.bool_] | slice, most: int) -> tuple[NDArray[np.int64], int]:
    """The bin of every row, int64 [n], and how many bins there are.

    Numbers fall between quantiles of the rows `learn`, with one bin below their smallest and one above their largest
    value; categories have one each, up to `most`. Bin 0 is the missing value.
    """
    values = column.measured
    if values is None:
        assert column.codes is not None
        return np.minimum(column.codes, most), most + 1
    seen = values[learn]
    seen = seen[~np.isnan(seen)]
    if not len(seen):
        return np.where(np.isnan(values), 0, 1).astype(np.int64), 2
    distinct = np.unique(seen)
    # Few values have a bin each: quantiles of a column of zeros with some ones would not part the two.
    edges = distinct if len(distinct) <= most else np.unique(np.quantile(seen, np.linspace(0, 1, most + 1)))
    edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    found = np.searchsorted(edges, values, side="left") + 1
    found[np.isnan(values)] = 0
    return found.astype(np.int64), len(edges) + 2
