"""What the rows at hand teach by themselves: the bar that an archived version has to clear to be recalled."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.spec.stream import StreamSpec
from training.baselines import baseline
from training.data import Dataset
from training.evaluate import correct

# Parts of the cross-validation: each answer comes of 9/10 of the rows, and all are answered.
_PARTS = 10
# Newest rows that are asked; more would take longer than they tell.
_MOST = 1_000


def learnable(spec: StreamSpec, dataset: Dataset) -> tuple[NDArray[np.bool_], int]:
    """Which of the newest rows a logistic regression answers rightly that learnt from the other rows.

    A cheap lower bound of what a training on these rows would come to: cross-validation over contiguous parts, so that
    neighbours, which are alike, do not teach each other.

    Returns
    -------
    bool [m] for the newest m rows of `dataset`, and m.
    """
    rows = dataset.rows(max(len(dataset) - _MOST, 0), len(dataset))
    n, decision = len(rows), Decision(spec)
    right = np.zeros(n, dtype=np.bool_)
    edges = np.linspace(0, n, min(_PARTS, n) + 1).astype(np.intp)
    every = np.arange(n)
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        others = rows.take(cast(NDArray[np.intp], every[(every < start) | (every >= stop)]))
        if not len(others):
            continue
        asked = rows.rows(start, stop)
        answers = baseline(spec, "logistic", others, asked.columns)
        right[start:stop] = correct(decision.codes(answers), asked.labels)
    return right, n
