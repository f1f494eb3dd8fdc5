"""How far current counts lie from the reference's: the distances that people ask for, of many variables at once."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from monitoring.distribution.geometry import Geometry
from monitoring.distribution.layout import Layout

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distances:
    """Effect sizes, each float64 [V]; 0 where one side is empty.

    Attributes
    ----------
    jensen_shannon : Jensen-Shannon distance over all bins, the missing too, 0 to 1 (base 2).
    jensen_shannon_corrected : the same from the divergence less what chance alone brings.
    kolmogorov_smirnov : largest difference of the two distribution functions at a bin's edge, 0 to 1; 0 of variables
        without an order.
    wasserstein : Wasserstein-1 distance in the variable's own units; 0 of variables without an order.
    wasserstein_relative : the same in standard deviations of the reference.
    """

    jensen_shannon: Floats
    jensen_shannon_corrected: Floats
    kolmogorov_smirnov: Floats
    wasserstein: Floats
    wasserstein_relative: Floats


def distances(layout: Layout, geometry: Geometry, current: NDArray[np.int64]) -> Distances:
    """Compare counts of all variables in one pass.

    Kolmogorov-Smirnov and Wasserstein look at present values only; a sensor that falls silent has a test of its own
    (`monitoring.distribution.rates`).

    Parameters
    ----------
    layout, geometry : the bins, their reference counts and their meaning.
    current : int64 [bins].

    Notes
    -----
    Kolmogorov-Smirnov is exact for the binned values. Between edges it misses at most the reference's share of one bin,
    so of a continuous feature in 16 quantile bins the true value is at most 1/16 larger.

    Wasserstein-1 takes each value to lie in the middle of its bin. Beyond the outermost edges it stops growing: it says
    how much has moved, and the mean in an event's detail how far.

    References
    ----------
    Lin, J. (1991), Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37(1); its
    square root is a metric: Endres, D. M., Schindelin, J. E. (2003), same journal 49(7). To second order the divergence
    is an eighth of the population stability index (in nats), and so is its mean without any drift:
    (B - 1)(1/n + 1/m)/8, see `monitoring.divergence.compare`.

    Massey, F. J. (1951), The Kolmogorov-Smirnov test for goodness of fit, JASA 46(253).

    Vallender, S. S. (1974), Calculation of the Wasserstein distance between probability distributions on the line,
    Theory of Probability and its Applications 18(4): it is the area between the two distribution functions.
    """
    starts, owner = layout.starts, layout.owner
    counts = np.stack([layout.weights, current.astype(np.float64)])
    present = counts * geometry.present
    totals = np.add.reduceat(np.concatenate([counts, present]), starts, axis=1)
    divisors = np.maximum(totals, 1.0)

    p, q = counts / divisors[:2, owner]
    middle = (p + q) / 2
    used = np.add.reduceat((middle > 0).astype(np.float64), starts)
    divergence = np.add.reduceat(rel_entr(p, middle) + rel_entr(q, middle), starts) / (2 * math.log(2))
    known = (totals[0] > 0) & (totals[1] > 0)
    divergence = np.where(known, np.maximum(divergence, 0.0), 0.0)
    chance = np.maximum(used - 1, 0) * (1 / divisors[0] + 1 / divisors[1]) / (8 * math.log(2)) * layout.factors

    shares = present / divisors[2:, owner]
    both = (totals[2] > 0) & (totals[3] > 0)
    running = np.cumsum(shares[0] - shares[1])
    before = np.concatenate([[0.0], running])[starts]
    between = np.abs(running - before[owner])
    apart = geometry.gaps > 0
    smirnov = np.maximum.reduceat(between * apart, starts)
    area = np.add.reduceat(between * geometry.gaps, starts)
    area = np.where(both, area, 0.0)
    return Distances(
        jensen_shannon=np.sqrt(np.minimum(divergence, 1.0)),
        jensen_shannon_corrected=np.sqrt(np.clip(divergence - chance, 0.0, 1.0)),
        kolmogorov_smirnov=np.where(both, smirnov, 0.0),
        wasserstein=area,
        wasserstein_relative=area / geometry.scale,
    )
