"""What could be found at all: a CUSUM that is told what a detector has to learn. No detector, a yardstick."""

import math

import numpy as np
from numpy.typing import NDArray


def page(step: NDArray[np.float64], onset: int, once_in: float = 1e5) -> NDArray[np.int64]:
    """Alarms of Page's CUSUM of log-likelihood ratios, which is silent after its first alarm behind `onset`.

    With the true ratio it has the least worst-case delay at a given mean time between false alarms, and that is at
    least exp(threshold) (Lorden 1971, Annals of Mathematical Statistics 42(6); Moustakides 1986, Annals of Statistics
    14(4)): for an abrupt change it is the bound of every detector that sees as much. Of a gradual one it knows the end.

    Parameters
    ----------
    step : float [n], one for each record.
    once_in : records between false alarms, at least.

    Returns
    -------
    Rows of `step`, int64 [k], ascending.
    """
    alarms: list[int] = []
    start = 0
    while start < len(step):
        total = np.concatenate([[0.0], np.cumsum(step[start:])])
        height = total[1:] - np.minimum.accumulate(total)[:-1]
        above = np.flatnonzero(height > math.log(once_in))
        if not len(above):
            break
        alarms.append(start + int(above[0]))
        if alarms[-1] >= onset:
            break
        start = alarms[-1] + 1
    return np.array(alarms, np.int64)


def true_ratios(
    events: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64], kinds: int
) -> NDArray[np.float64]:
    """The log-likelihood ratio of each event between two worlds, float [n], from a sample of events of each.

    Parameters
    ----------
    events, before, after : codes in [0, kinds), int64 [n], [b], [a]; half an event is added to each code's count.
    """
    counts = [np.bincount(sample, minlength=kinds) + 0.5 for sample in (before, after)]
    old, new = (count / count.sum() for count in counts)
    ratio: NDArray[np.float64] = np.log(new / old)
    return ratio[events]
