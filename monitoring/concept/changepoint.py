"""Where a sequence of right and wrong answers changed, and how clear that is: maximum likelihood."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was known before the first outcome: `rows` judged answers of which `errors` (a float) were wrong."""

    rows: float = 0.0
    errors: float = 0.0


NOTHING_KNOWN = Baseline()


@dataclass(frozen=True, slots=True)
class Split:
    """The likeliest change of the error rate.

    Attributes
    ----------
    index : the first element after the change.
    before, after : error rates; `before` holds the baseline too.
    log_ratio : log-likelihood of two rates over that of one, in nats.
    """

    index: int
    before: float
    after: float
    n_before: float
    n_after: int
    log_ratio: float


def best_splits(
    wrong: NDArray[np.bool_], baseline: Baseline = NOTHING_KNOWN, shortest: int = 8
) -> tuple[Split | None, Split | None]:
    """The maximum-likelihood single rise of a Bernoulli sequence's rate, and its maximum-likelihood single fall.

    Every split is weighed at once, from cumulative sums: O(n) time and memory.

    Parameters
    ----------
    wrong : bool [n], in the order of time.
    baseline : counts that stand before the first element; with them, index 0 is a possible split.
    shortest : fewest elements on each side (the baseline counts as elements).

    Returns
    -------
    Rise and fall; None where no split has a change in that direction.

    References
    ----------
    Hinkley, D. V. and Hinkley, E. A. (1970), Inference about the change-point in a sequence of binomial variables,
    Biometrika 57(3), 477-488.

    >>> rise, fall = best_splits(np.array([0] * 40 + [1] * 20, dtype=bool))
    >>> rise.index, rise.before, rise.after, fall
    (40, 0.0, 1.0, None)
    """
    n = len(wrong)
    if n < shortest:
        return None, None
    n_before = baseline.rows + np.arange(n, dtype=np.float64)
    s_before = baseline.errors + np.concatenate([[0.0], np.cumsum(wrong[:-1], dtype=np.float64)])
    n_all, s_all = baseline.rows + n, baseline.errors + float(wrong.sum())
    n_after, s_after = n_all - n_before, s_all - s_before
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = _log_likelihood(s_before, n_before) + _log_likelihood(s_after, n_after)
        higher = s_after * n_before > s_before * n_after
        lower = s_after * n_before < s_before * n_after
    ratio -= _log_likelihood(np.array([s_all]), np.array([n_all]))[0]
    long_enough = (n_before >= shortest) & (n_after >= shortest)

    def likeliest(allowed: NDArray[np.bool_]) -> Split | None:
        if not allowed.any():
            return None
        index = int(np.argmax(np.where(allowed, ratio, -np.inf)))
        return Split(
            index=index,
            before=float(s_before[index] / n_before[index]),
            after=float(s_after[index] / n_after[index]),
            n_before=float(n_before[index]),
            n_after=n - index,
            log_ratio=float(ratio[index]),
        )

    return likeliest(long_enough & higher), likeliest(long_enough & lower)


def clear_log_ratio(n: float, confidence: float) -> float:
    """The log-likelihood ratio from which a split of n elements is no chance.

    ln(3 n^1.5 / confidence): an unchanging sequence exceeds it anywhere in its first n elements with a probability
    of about `confidence`, whatever its rate and however often one looks. At half of it, looking often would
    give false alarms; at double, each change would be found twice as late.

    References
    ----------
    Besson, L., Kaufmann, E., Maillard, O.-A. and Seznec, J. (2022), Efficient change-point detection for tackling
    piecewise-stationary bandits, JMLR 23(77), the Bernoulli GLR test and its threshold β(n, δ), section 3.
    """
    return math.log(3.0 * max(n, 2.0) ** 1.5 / confidence)


def known_split(errors: int, n: int, baseline: Baseline) -> Split:
    """The split between the baseline and all n elements, `errors` of which are wrong."""
    counts = np.array([[baseline.errors, baseline.rows], [errors, n], [baseline.errors + errors, baseline.rows + n]])
    before, after, one = _log_likelihood(counts[:, 0], counts[:, 1])
    return Split(0, baseline.errors / baseline.rows, errors / n, baseline.rows, n, float(before + after - one))


def surely_worse(
    wrong: NDArray[np.bool_],
    n: int,
    errors: int,
    baseline: Baseline,
    level: float,
    effect: float,
    *,
    dependence: float = 1.0,
) -> int | None:
    """The first of some outcomes at which all of them together are surely worse than the baseline.

    Universal inference: the likelihood of two rates, each mixed over by Jeffreys' prior, over the greatest likelihood
    of one rate is an e-process; with one unknown rate for both it ever reaches 1 / level with a probability of at most
    `level`. The mixture costs at most ½ ln n + ln 2 nats a rate.

    Parameters
    ----------
    wrong : bool [m], after `n` others of which `errors` were wrong.
    effect : least excess of the error rate.
    dependence : how many outcomes say as much as one independent one would. Their likelihood ratio counts that much
        less, which is calibration and no proof.

    Returns
    -------
    Index in `wrong`, or None.

    References
    ----------
    Wasserman, L., Ramdas, A. and Balakrishnan, S. (2020), Universal inference, PNAS 117(29), section 7.
    Krichevsky, R. and Trofimov, V. (1981), The performance of universal encoding, IEEE Trans. Inf. Theory 27(2).

    >>> surely_worse(np.ones(50, dtype=bool), 0, 0, Baseline(100.0, 10.0), 1e-3, 0.08)
    5
    """
    counts = n + np.arange(1.0, len(wrong) + 1.0)
    sums = errors + np.cumsum(wrong, dtype=np.float64)
    worse = sums / counts - baseline.errors / baseline.rows >= effect
    if not worse.any():
        return None
    rows, known = np.array([baseline.rows]), np.array([baseline.errors])
    ratio = (
        _log_likelihood(sums, counts)
        + _log_likelihood(known, rows)
        - _log_likelihood(sums + known, counts + rows)
        - 0.5 * np.log(counts * rows)
        - 2.0 * math.log(2.0)
    )
    found = np.flatnonzero(worse & (ratio >= -math.log(level) * dependence))
    return int(found[0]) if len(found) else None


def _log_likelihood(errors: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of n answers with `errors` wrong ones, at their own rate; 0 for n = 0."""
    at_least_one = np.maximum(n, 1e-12)
    # A baseline's errors are a float: differences of them may leave [0, n] by a rounding, where the logarithm is NaN.
    errors = np.clip(errors, 0.0, n)
    out: NDArray[np.float64] = xlogy(errors, errors / at_least_one) + xlogy(n - errors, (n - errors) / at_least_one)
    return out
