"""Which rows a network may learn from, where rows with a missing value are to be left out (`training.missing`)."""

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec
from training.data import Dataset

# Fewer teach nothing, and early stopping needs a part of them.
FEWEST_COMPLETE = 10


def usable(spec: StreamSpec, dataset: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """The rows of `dataset` to learn from, and a sentence on those left out, if any were.

    Only rows to learn from: those that a candidate is judged on stay as they are, because serving answers such
    records too. It fills a missing number with the mean, and takes a missing category or text for zeros, without an
    indicator, since training saw none missing.

    Raises
    ------
    UsageError : `training.missing` is drop, and fewer than ten rows are complete.
    """
    if spec.training.missing == "impute":
        return dataset, ()
    complete = ~missing_rows(dataset.columns)
    left, rows = int(complete.sum()), len(dataset)
    if left == rows:
        return dataset, ()
    if left < FEWEST_COMPLETE:
        raise UsageError(
            f"training.missing: read 'drop', which leaves {left} of {rows} training rows; a training needs at least "
            f"{FEWEST_COMPLETE}. Allowed besides: 'impute', which fills what is missing in the graph"
        )
    said = f"{rows - left} of {rows} training rows have a missing value and were left out (training.missing: drop)"
    return dataset.take(np.flatnonzero(complete)), (said,)


def missing_rows(columns: Columns) -> NDArray[np.bool_]:
    """True [n] where at least one value is missing; an unknown category is none."""
    absent = [np.isnan(columns.numeric), columns.categorical == None, columns.text == None]  # noqa: E711
    found: NDArray[np.bool_] = np.logical_or.reduce(np.concatenate(absent, axis=1), axis=1)
    return found
