"""A few sensors at fault, or another world? Told by whether the other devices are as they were."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, rel_entr

from monitoring.distribution.divergence import compare
from monitoring.distribution.layout import Layout
from monitoring.distribution.parts import Tally

Cause = Literal["sensor", "world"]

FEWEST_DEVICES = 4
"""With fewer devices than this nobody can say whether one of them, or the world, is another."""
# A quarter of the devices may be at fault at once. If half of them change alike, it is their world that changed.
_SMALL_SHARE = 0.25
# The suspects' rise must be this many standard errors: they are chosen as the worst of up to 50, and the worst of
# 50 that are as they were lies 2.2 above.
_CLEAR = 4.0
# And that of each of them this many.
_WORSE = 3.0
# The others are as they were if their rise is not beyond this many standard errors, and its upper bound less than half
# of the rise of all, or half of what makes an alarm by default.
_ONE_SIDED = 1.645
_HARMLESS = 0.04
# Fewest records since the onset of the suspects, and of the others.
_SUSPECTS, _OTHERS = 8, 30
# A bin must hold this much more of the suspects' records than of the reference's.
_EXCESS = 0.1
# Variables looked at, the most drifted first.
_VARIABLES = 5


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why it drifted, as far as the devices tell, and which devices are at fault (indices), the worst first."""

    cause: Cause | None
    devices: tuple[int, ...] = ()


def judge_errors(counts: Tally) -> Judgement:
    """Judge a rise of the error rate by the errors of each device.

    Parameters
    ----------
    counts : by device; the pooled rest, if any, is never a suspect.
    """
    seen = np.array([n > 0 and name is not None for n, name in zip(counts.n_after, counts.names, strict=True)])
    if seen.sum() < FEWEST_DEVICES:
        return Judgement(None)
    expected = counts.n_after * counts.rate_before
    excess = np.where(seen, counts.k_after - expected, -np.inf)
    order = np.argsort(-excess, kind="stable")
    n_all, rise_all = float(counts.n_after.sum()), float((counts.k_after - expected).sum())
    rate_all = rise_all / max(n_all, 1.0)
    each = np.eye(len(excess), dtype=bool)
    clearly_worse = [_rise(counts, expected, one)[1] >= _WORSE for one in each]
    z_others = _rise(counts, expected, seen)[1]
    for k in range(1, int(seen.sum() * _SMALL_SHARE) + 1):
        mine = np.zeros(len(excess), dtype=bool)
        mine[order[:k]] = True
        if not clearly_worse[order[k - 1]]:
            # The next in line is like the rest: whatever makes the rest worse, it is no sensor.
            break
        n_mine, z_mine, _, _ = _rise(counts, expected, mine)
        n_others, z_others, rise, error = _rise(counts, expected, ~mine)
        if n_others < _OTHERS:
            return Judgement(None)
        if z_others <= _ONE_SIDED and rise + _ONE_SIDED * error <= max(rate_all / 2, _HARMLESS):
            clear = n_mine >= _SUSPECTS and z_mine >= _CLEAR
            return Judgement("sensor", tuple(order[:k].tolist())) if clear else Judgement(None)
    return Judgement("world" if z_others > 2 * _ONE_SIDED else None)


def judge_distribution(
    layout: Layout,
    counts: NDArray[np.int64],
    drifted: NDArray[np.int64],
    *,
    confidence: float,
    minimum_psi: float,
    suspects: int | None = None,
) -> Judgement:
    """Judge a changed distribution by the records of each device.

    A device is suspected if without its records the others look more like the reference; that holds also where every
    device has an offset of its own, so that none looks like the reference by itself.

    Parameters
    ----------
    layout : the bins and their reference counts.
    counts : int64 [devices, bins].
    drifted : variables, the most drifted first.
    suspects : how many of the devices, from the first, may be suspected; by default all.
    """
    many = len(counts) if suspects is None else suspects
    if many < FEWEST_DEVICES or not len(drifted):
        return Judgement(None)
    small, own = _narrowed(layout, counts, drifted[:_VARIABLES])
    total = own.sum(axis=0)
    without = np.array([_largest(small, total - mine) for mine in own[:many]])
    order = np.argsort(without, kind="stable")
    others, mine = total.copy(), np.zeros_like(total)
    for k in range(1, int(many * _SMALL_SHARE) + 1):
        others, mine = others - own[order[k - 1]], mine + own[order[k - 1]]
        rest = compare(small, others)
        if rest.rows < _OTHERS:
            return Judgement(None)
        if float(rest.psi.max()) < minimum_psi / 2:
            excess = most_frequent(small, mine, np.arange(len(small.names)))
            clear = excess.p_value < confidence and excess.after - excess.before >= _EXCESS
            at_fault = clear and excess.records >= _SUSPECTS
            return Judgement("sensor", tuple(order[:k].tolist())) if at_fault else Judgement(None)
    return Judgement("world")


@dataclass(frozen=True, slots=True)
class Excess:
    """The bin that has become more frequent than the reference has it, beyond any other.

    Attributes
    ----------
    before, after : its share in the reference and now.
    p_value : of a share this far above, over all bins asked (Bonferroni).
    """

    variable: int
    bin: int
    before: float
    after: float
    records: int
    p_value: float


def most_frequent(layout: Layout, counts: NDArray[np.int64], variables: NDArray[np.int64]) -> Excess:
    """Where a handful of records differ most from the reference: too few for a test of all bins at once.

    A stuck sensor fills one bin, a dead one the missing, and one with spikes the two outer ones. Likelihood-ratio test
    of one share (Wilks 1938, see `monitoring.distribution.parts`), halved because only an excess is asked for.

    Parameters
    ----------
    counts : int64 [bins], of all variables.
    variables : those asked, at least one; the first five count.
    """
    best: Excess | None = None
    asked = variables[:_VARIABLES].tolist()
    tests = sum(layout.bins(v).stop - layout.bins(v).start for v in asked)
    for variable in asked:
        bins = layout.bins(variable)
        k = counts[bins].astype(np.float64)
        n = max(float(k.sum()), 1.0)
        # Half a record in each bin: one that the reference never saw has no share of 0 (Jeffreys).
        p = (layout.weights[bins] + 0.5) / (layout.weights[bins].sum() + 0.5 * len(k))
        q = k / n
        ratio = 2 * n * (rel_entr(q, p) + rel_entr(1 - q, 1 - p))
        at = int(np.argmax(np.where(q > p, ratio, 0.0)))
        p_value = min(0.5 * float(chdtrc(1.0, max(ratio[at], 0.0))) * tests, 1.0)
        if best is None or (p_value, p[at] - q[at]) < (best.p_value, best.before - best.after):
            best = Excess(variable, at, float(p[at]), float(q[at]), int(k.sum()), p_value)
    assert best is not None
    return best


def _narrowed(
    layout: Layout, counts: NDArray[np.int64], variables: NDArray[np.int64]
) -> tuple[Layout, NDArray[np.int64]]:
    parts = [layout.bins(v) for v in variables.tolist()]
    names = {layout.names[v]: layout.counts[part].tolist() for v, part in zip(variables.tolist(), parts, strict=True)}
    return Layout(names), np.concatenate([counts[:, part] for part in parts], axis=1)


def _largest(layout: Layout, counts: NDArray[np.int64]) -> float:
    return float(compare(layout, counts).psi.sum())


def _rise(counts: Tally, expected: NDArray[np.float64], chosen: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Records, standard score of the rise, rise and its standard error, of the chosen parts together."""
    n = float(counts.n_after[chosen].sum())
    if not n:
        return 0.0, 0.0, 0.0, np.inf
    k, base = float(counts.k_after[chosen].sum()), float(expected[chosen].sum())
    past = max(float(counts.n_before[chosen].sum()), 1.0)
    # One error more and one right answer more: a rate of 0 must not have a standard error of 0 (Agresti-Coull).
    p0, p1 = (base + 1) / (n + 2), (k + 1) / (n + 2)
    null = np.sqrt(p0 * (1 - p0) * (1 / n + 1 / past))
    return n, (k - base) / n / null, (k - base) / n, float(np.sqrt(p1 * (1 - p1) / n + p0 * (1 - p0) / past))
