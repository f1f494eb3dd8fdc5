"""Gradual drift: old and new world alternate at random, the new one more and more often."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Gradual:
    """Each row is wholly of the old world or wholly of the new; the chance of the new rises linearly over `width`
    rows from `at`.

    >>> Gradual(0, 4).strength(np.arange(5), np.full(5, 0.4)).tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0]
    """

    at: int
    width: int

    def strength(self, rows: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
        return (chance < (rows - self.at) / self.width).astype(np.float64)
