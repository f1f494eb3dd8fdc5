"""Recurring drift: the new world comes, goes and comes again, as seasons and shifts do."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Recurring:
    """From row `at` on, `period` rows of the new world, `period` of the old, and so on.

    >>> Recurring(1, 2).strength(np.arange(6), np.zeros(6)).tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]
    """

    at: int
    period: int

    def strength(self, rows: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
        new = (rows >= self.at) & ((rows - self.at) // self.period % 2 == 0)
        return np.asarray(new, dtype=np.float64)
