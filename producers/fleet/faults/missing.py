"""A sensor that does not report."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.records.data import Value


@dataclass(frozen=True, slots=True)
class Missing:
    """Each value is missing with chance `share`."""

    share: float = 1.0

    def apply(self, values: list[Value], chance: NDArray[np.float64]) -> list[Value]:
        """`values` of one feature at n rows, and `chance` float64 [n] uniform in [0, 1)."""
        return [None if lost < self.share else value for value, lost in zip(values, chance.tolist(), strict=True)]
