"""What several instances of the monitor saw, added up: counts in the same bins make one sketch of all their records."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from monitoring.store.encoding import DamagedState, pack, unpack


class _Head(msgspec.Struct):
    layout: str
    rows: int


@dataclass(frozen=True, slots=True)
class Sketch:
    """Some records as counts.

    Attributes
    ----------
    layout : digest of the bins (`monitoring.layout.Layout`); only sketches of the same bins can be added.
    counts : int64 [bins].
    moments : count, sum and sum of squares of each value, float64 [3, M].
    products : sums of `monitoring.correlation.Pairs`, int64 [P].
    rows : how many records.
    """

    layout: str
    counts: NDArray[np.int64]
    moments: NDArray[np.float64]
    products: NDArray[np.int64]
    rows: int

    def merge(self, other: "Sketch") -> "Sketch":
        """The sketch of both sets of records: counts and products exactly, moments up to rounding.

        Bins fixed beforehand make that trivial, and free of any error; sketches that choose their own (KLL, t-digest)
        can be merged too, but only within an error that must be budgeted for.

        Raises
        ------
        UsageError : the other was counted in other bins.
        """
        if self.layout != other.layout or self.products.shape != other.products.shape:
            raise UsageError(
                f"sketch: read one of the bins {other.layout} with {len(other.products)} pairs; allowed: those of "
                f"{self.layout} with {len(self.products)}, that is of the same version and monitoring.data.multivariate"
            )
        return Sketch(
            self.layout,
            self.counts + other.counts,
            self.moments + other.moments,
            self.products + other.products,
            self.rows + other.rows,
        )

    def to_bytes(self) -> bytes:
        """For another instance; a few bytes a bin."""
        columns = {"counts": self.counts, "moments": self.moments, "products": self.products}
        return pack(_Head(self.layout, self.rows), columns)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Read what `to_bytes` wrote. Raises DamagedState."""
        head, columns = unpack("sketch", data, _Head)
        if columns.keys() != {"counts", "moments", "products"}:
            raise DamagedState(f"sketch: read the columns {sorted(columns)}; expected counts, moments, products")
        return cls(head.layout, columns["counts"], columns["moments"], columns["products"], head.rows)
