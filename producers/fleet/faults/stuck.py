"""A sensor that shows its last value for ever."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.records.data import Value


@dataclass(frozen=True, slots=True)
class Stuck:
    """Every value is the one at which the sensor stuck."""

    value: Value

    def apply(self, values: list[Value], chance: NDArray[np.float64]) -> list[Value]:
        """`values` of one feature at n rows; `chance` is not used."""
        return [self.value] * len(values)
