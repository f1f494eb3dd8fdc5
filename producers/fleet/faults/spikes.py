"""A sensor with a loose contact: now and then a value far off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.records.data import Value


@dataclass(frozen=True, slots=True)
class Spikes:
    """With chance `share` a number is off by `height`, upwards or downwards alike.

    Attributes
    ----------
    height : in the feature's own unit.
    """

    height: float
    share: float = 0.1

    def apply(self, values: list[Value], chance: NDArray[np.float64]) -> list[Value]:
        """`values` of one feature at n rows, and `chance` float64 [n] uniform in [0, 1)."""
        out = []
        for value, hit in zip(values, chance.tolist(), strict=True):
            if hit < self.share and isinstance(value, float):
                value = round(value + (self.height if hit < self.share / 2 else -self.height), 4)
            out.append(value)
        return out
