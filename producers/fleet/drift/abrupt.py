"""Abrupt drift: from one row to the next the world is another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Abrupt:
    """Strength 0 before row `at`, 1 from it on.

    >>> Abrupt(2).strength(np.arange(4), np.zeros(4)).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """

    at: int

    def strength(self, rows: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
        return (rows >= self.at).astype(np.float64)
