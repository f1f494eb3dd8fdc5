"""Raw feature columns: the only form in which records enter a model, in serving and in training alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Columns:
    """Features of n records, in the specification's orders.

    Attributes
    ----------
    numeric : float32 [n, N]; NaN is a missing value, infinities never occur.
    categorical : object [n, C] of str; None is a missing value.
    text : object [n, T] of str; None is a missing value.
    """

    numeric: NDArray[np.float32]
    categorical: NDArray[np.object_]
    text: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> "Columns":
        """The chosen rows, in the order given."""
        return Columns(self.numeric[rows], self.categorical[rows], self.text[rows])

    @staticmethod
    def concatenate(parts: "list[Columns]") -> "Columns":
        """Rows of all parts, one after another."""
        return Columns(
            np.concatenate([p.numeric for p in parts]),
            np.concatenate([p.categorical for p in parts]),
            np.concatenate([p.text for p in parts]),
        )
