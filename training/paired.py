"""Is one model right more often than another on the same stretch of a stream? Rows of a stream hang together."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from training.evaluate import mcnemar

# Batches of a stretch: Student's t with 7 degrees of freedom asks for a tenth more than the normal distribution at 0.1.
_BATCHES = 8
# Rows from which on there are batches worth the name.
_FEWEST = 2 * _BATCHES


def better_on_stretch(candidate: NDArray[np.bool_], champion: NDArray[np.bool_]) -> float:
    """One-sided p-value that `candidate` is right no more often than `champion` on such a stretch.

    Parameters
    ----------
    candidate, champion : bool [n], where each is right, in the order of the stream.

    Notes
    -----
    The larger of two: the exact McNemar test, which takes rows for independent; and Student's t of the means of 8
    successive batches (batch means: Conway, "Some tactical problems in digital simulation", Management Science 10
    (1963) 47-61), which holds where rows depend on their neighbours, as far as a batch is longer than that reaches. A
    run of 60 records with the same label is one observation of the world, not 60.

    >>> run = np.repeat([True, False, True, True], 15)
    >>> float(mcnemar(run, ~run)) < 0.001, better_on_stretch(run, ~run) < 0.05
    (True, False)
    """
    p_value, n = mcnemar(candidate, champion), len(candidate)
    if n < _FEWEST:
        return p_value
    gain = candidate.astype(np.float64) - champion.astype(np.float64)
    edges = np.linspace(0, n, _BATCHES + 1).astype(np.intp)
    means = np.add.reduceat(gain, edges[:-1]) / np.diff(edges)
    error = float(means.std(ddof=1)) / math.sqrt(_BATCHES)
    if error == 0.0:
        return p_value
    return max(p_value, float(student.sf(float(means.mean()) / error, _BATCHES - 1)))
