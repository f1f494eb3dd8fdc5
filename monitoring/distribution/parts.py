"""Which classes, devices or values of a segment show a rise of the error rate: counts before and after, compared."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy

from driftline.records.loop import BlamedPart
from monitoring.distribution.blame import share
from monitoring.distribution.divergence import holm

Floats = NDArray[np.float64]

MOST_PARTS = 50
"""Parts compared: those with most records since the onset; the rest are one part together."""
MOST_NAMED = 10
"""Parts named in one event."""
# Chance of naming any part that is as it was, over all parts of one breakdown.
_LEVEL = 0.01
# A rise of fewer points is not worth a name.
_LEAST_RISE = 0.03
# A part with fewer records before the onset is compared with all records before it.
_OWN_PAST = 8


@dataclass(frozen=True, slots=True)
class Tally:
    """Records and wrong answers of G parts before and since the onset, float64 [G] each.

    Attributes
    ----------
    names : of the parts; None is the rest, pooled.
    """

    names: tuple[str | None, ...]
    n_before: Floats
    k_before: Floats
    n_after: Floats
    k_after: Floats

    @property
    def rate_before(self) -> Floats:
        """Error rate of each part before the onset; of all together where it has hardly a past."""
        every = float(self.k_before.sum()) / max(float(self.n_before.sum()), 1.0)
        own = self.k_before / np.maximum(self.n_before, 1.0)
        return np.where(self.n_before >= _OWN_PAST, own, every)

    @property
    def rate_after(self) -> Floats:
        return self.k_after / np.maximum(self.n_after, 1.0)


def tally(
    names: Sequence[str],
    codes: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    since: NDArray[np.bool_],
    past: tuple[float, float] | None = None,
    most: int = MOST_PARTS,
) -> Tally:
    """Count by part.

    Parameters
    ----------
    names : of the parts, by code.
    codes : part of each record, int64 [n]; a record with -1 is left out.
    wrong, since : bool [n]; `since` marks the records from the onset on.
    past : (records, errors) that stand for the past of all together where no record came before the onset.
    most : parts kept apart.
    """
    kept = codes >= 0
    codes, wrong, since = codes[kept], wrong[kept], since[kept]

    def count(rows: NDArray[np.bool_]) -> Floats:
        return np.bincount(codes[rows], minlength=len(names)).astype(np.float64)

    columns = [count(~since), count(~since & wrong), count(since), count(since & wrong)]
    labels: list[str | None] = list(names)
    if len(names) > most:
        order = np.argsort(-columns[2], kind="stable")
        top, rest = order[:most], order[most:]
        columns = [np.append(column[top], column[rest].sum()) for column in columns]
        labels = [*(names[i] for i in top.tolist()), None]
    if past is not None and not columns[0].sum():
        share_of = columns[2] / max(float(columns[2].sum()), 1.0)
        columns[0], columns[1] = past[0] * share_of, past[1] * share_of
    return Tally(tuple(labels), *columns)


def rise_p_values(counts: Tally) -> Floats:
    """p-value of each part's rise, float64 [G]; 1 where its error fell or it has no records.

    Likelihood-ratio test of two binomial rates, halved because only a rise is asked for.

    References
    ----------
    Wilks, S. S. (1938), The large-sample distribution of the likelihood ratio, Annals of Mathematical Statistics 9(1).
    """
    every_n = max(float(counts.n_before.sum()), 1.0)
    own = counts.n_before >= _OWN_PAST
    n0 = np.where(own, counts.n_before, every_n)
    k0 = np.where(own, counts.k_before, float(counts.k_before.sum()))
    n1, k1 = counts.n_after, counts.k_after
    ratio = 2 * (_fit(k0, n0) + _fit(k1, n1) - _fit(k0 + k1, n0 + n1))
    rises = (n1 > 0) & (k1 * n0 > k0 * n1)
    return np.where(rises, 0.5 * chdtrc(1.0, np.maximum(ratio, 0.0)), 1.0)


def blame_parts(counts: Tally, part_of: str, worded: Callable[[str], str] | None = None) -> list[BlamedPart]:
    """The parts whose error rose, those with most wrong answers beyond their past first.

    Parameters
    ----------
    part_of : what they are parts of.
    worded : a part's name as the detail begins with it; by default 'PART_OF "NAME"'.
    """
    adjusted = holm(rise_p_values(counts))
    before, after = counts.rate_before, counts.rate_after
    chosen = np.flatnonzero((adjusted < _LEVEL) & (after - before >= _LEAST_RISE))
    worst = chosen[np.argsort(-(counts.n_after * (after - before))[chosen], kind="stable")]
    out: list[BlamedPart] = []
    for i in worst.tolist():
        name = counts.names[i]
        if name is None or len(out) == MOST_NAMED:
            continue
        words = worded(name) if worded else f'{part_of} "{name}"'
        out.append(
            BlamedPart(
                name=name,
                part_of=part_of,
                before=_rounded(before[i]),
                after=_rounded(after[i]),
                records=int(counts.n_after[i]),
                p_value=float(adjusted[i]),
                detail=f"{words} error {share(float(before[i]), float(after[i]))}",
            )
        )
    return out


def _rounded(rate: float) -> float:
    return round(min(max(float(rate), 0.0), 1.0), 4) if math.isfinite(rate) else 0.0


def _fit(k: Floats, n: Floats) -> Floats:
    """Log-likelihood of k of n at their own rate."""
    safe = np.maximum(n, 1e-12)
    k = np.clip(k, 0.0, n)
    out: Floats = xlogy(k, k / safe) + xlogy(n - k, (n - k) / safe)
    return out
