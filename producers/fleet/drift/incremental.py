"""Incremental drift: the world itself moves, through every state between the old and the new."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Incremental:
    """Strength rises linearly from 0 at row `at` to 1 at row `at + width`.

    >>> Incremental(0, 4).strength(np.arange(6), np.zeros(6)).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    at: int
    width: int

    def strength(self, rows: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip((rows - self.at) / self.width, 0.0, 1.0)
