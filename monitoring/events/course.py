"""The shape of a drift from what is kept of it: the outcomes around its onset, or the blocks of a window."""

import numpy as np
from numpy.typing import NDArray

from monitoring.distribution.blocks import SlidingBlocks
from monitoring.events.shape import Shape, Transition, is_mixture, named, transition
from monitoring.labels.casebook import Cases
from monitoring.labels.history import Moment

# Outcomes before the onset that show the old level, at least; and at most, with as many as came since.
_LEVEL = 500
# Outcomes on either side of the onset, at most: with more the onset would be lost in the chunks they are cut into.
_MOST_ROWS = 3_000
# More cells than this of truth and answer are too thin to compare; then only abrupt or not is said.
_MOST_CLASSES = 30
_FEWEST_CONFUSIONS = 100


def shape_of_outcomes(cases: Cases, onset: Moment, classes: int) -> Shape | None:
    """How the error rate rose around `onset`."""
    since = int(cases.since(onset).sum())
    first = max(len(cases) - since - max(_LEVEL, min(since, _MOST_ROWS)), 0)
    cases = cases.between(first, len(cases) - since + _MOST_ROWS)
    change = transition(cases.wrong)
    if change is None or not change.wide:
        return named(change, None)
    if cases.truth.ndim == 2 or classes > _MOST_CLASSES:
        return None
    cells = cases.truth * classes + cases.answer
    return named(change, _mixture_of_rows(change, cells, classes * classes))


def confusions(cases: Cases, onset: Moment, classes: int) -> NDArray[np.int64] | None:
    """How often each class was answered where each was true, since `onset`, int64 [classes²].

    None if that is no table (multilabel), is too large, or holds too few outcomes to be compared with another.
    """
    since = cases.since(onset)
    if cases.truth.ndim == 2 or classes > _MOST_CLASSES or since.sum() < _FEWEST_CONFUSIONS:
        return None
    return np.bincount(cases.truth[since] * classes + cases.answer[since], minlength=classes * classes)


def shape_of_blocks(window: SlidingBlocks, drifted: NDArray[np.int64], *, mixtures: bool) -> Shape | None:
    """How the most drifted variable went from the old distribution to the new.

    What counts is the share of the records in those bins that have become more frequent.

    Parameters
    ----------
    drifted : indices of variables, the most drifted first.
    mixtures : whether worlds in between can be told from a mixture of the old and the new. Of a class mix they
        cannot: half of the way to another mix is a mixture.
    """
    if not len(drifted):
        return None
    bins = window.layout.bins(int(drifted[0]))
    counts = np.array([block.counts[bins] for block in window.kept], dtype=np.float64)
    if len(counts) < 4:
        return None
    rows = counts.sum(axis=1)
    counts, rows = counts[rows > 0], rows[rows > 0]
    reference = window.layout.weights[bins]
    newest = counts[-2:].sum(axis=0)
    more = newest / newest.sum() > reference / max(reference.sum(), 1.0)
    change = transition(counts[:, more].sum(axis=1), rows)
    if change is None or not change.wide:
        return named(change, None)
    if not mixtures:
        return None
    ends = np.cumsum(rows)
    before, after = ends <= change.start, ends - rows >= change.start + change.width
    old = counts[before].sum(axis=0)
    mixture = is_mixture(
        reference if old.sum() < _LEVEL / 5 else old,
        counts[~before & ~after].sum(axis=0),
        counts[after].sum(axis=0),
    )
    return named(change, mixture)


def _mixture_of_rows(change: Transition, cells: NDArray[np.int64], width: int) -> bool | None:
    def count(part: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.bincount(part, minlength=width).astype(np.float64)

    start, end = change.start, change.start + change.width
    return is_mixture(count(cells[:start]), count(cells[start:end]), count(cells[end:]))
