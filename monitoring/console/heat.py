"""How far each feature is from the reference, over time, and how it is spread now."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.registry.reference import CategoricalReference, Reference
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded
from monitoring.console.timeline import Timeline
from monitoring.distribution.binning import FeatureBinner
from monitoring.distribution.divergence import compare

COLUMNS, WIDTH_MS, WIDEST_MS = 160, 1_000, 180_000
# Most records in the window that is compared; a picture needs no more, and a thousand features are a wide matrix.
MOST_ROWS = 1_000
# A quarter of a window of new records changes the picture enough to be drawn anew.
STEPS = 4
# A feature at this index or above is drawn at full heat; the field's rule of thumb calls 0.25 a major shift.
FULL = 1.0


class Heat:
    """Bins the newest records against the reference of the version in service.

    Parameters
    ----------
    before : of the version in service before, whose past is shown on.

    Attributes
    ----------
    names : the features, in the order of the columns of `timeline`.
    timeline : row 'psi', the population stability index of each feature, less what chance alone brings.
    """

    def __init__(self, spec: StreamSpec, version: int, reference: Reference, before: "Heat | None" = None) -> None:
        self.version = version
        self._binner = FeatureBinner(spec, reference)
        self.names = self._binner.layout.names
        self.timeline: Timeline = (
            before.timeline
            if before is not None and before.names == self.names
            else Timeline(
                {"psi": "max"}, columns=COLUMNS, width_ms=WIDTH_MS, widest_ms=WIDEST_MS, depth=len(self.names)
            )
        )
        self.rows = min(spec.monitoring.data.window, MOST_ROWS)
        self._ring = np.zeros((self.rows, len(self.names)), dtype=np.int64)
        self._filled, self._next, self._fresh = 0, 0, 0
        self.psi: NDArray[np.float64] = np.zeros(len(self.names))

    def take(self, decoded: Decoded, at: NDArray[np.int64]) -> None:
        """Take records, with the time of each in epoch ms; of more than eight windows, the newest."""
        step = max(self.rows // STEPS, 1)
        first = max(len(decoded) - 8 * self.rows, 0)
        for start in range(first, len(decoded), step):
            part = slice(start, min(start + step, len(decoded)))
            columns = decoded.columns.take(part)
            bins = self._binner.bins(columns, self._binner.values(columns))
            places = (self._next + np.arange(len(bins))) % self.rows
            self._ring[places] = bins
            self._next = (self._next + len(bins)) % self.rows
            self._filled = min(self._filled + len(bins), self.rows)
            self._fresh += len(bins)
            if self._fresh >= step and self._filled >= step:
                self._fresh = 0
                self._compare(int(at[part].max()))

    def counts(self) -> NDArray[np.int64]:
        """Records of the current window in each bin, int64 [bins]."""
        return np.bincount(self._ring[: self._filled].ravel(), minlength=len(self._binner.layout.counts))

    def detail(self, name: str) -> dict[str, Any] | None:
        """A feature's reference and current distribution; None if there is no such feature."""
        if name not in self.names:
            return None
        i = self.names.index(name)
        feature = self._binner.references[i]
        bins = self._binner.layout.bins(i)
        if isinstance(feature, CategoricalReference):
            labels = [*feature.categories, "unknown", "missing"]
        else:
            edges = [f"{edge:.4g}" for edge in feature.edges]
            inner = [f"{low} to {high}" for low, high in pairwise(edges)]
            labels = [*([f"up to {edges[0]}", *inner, f"above {edges[-1]}"] if edges else ["present"]), "missing"]
        return {
            "name": name,
            "type": feature.type,
            "version": self.version,
            "psi": round(float(self.psi[i]), 4),
            "labels": labels,
            "reference": self._binner.layout.counts[bins].tolist(),
            "current": self.counts()[bins].tolist(),
            "rows": self._filled,
        }

    def cells(self, last: int | None = None) -> bytes:
        """The newest `last` columns (None: all), one byte a feature: 0 to 254 at `FULL` or above, 255 unknown."""
        psi = self.timeline["psi"]
        return self._bytes(psi if last is None else psi[-last:])

    def now(self) -> bytes:
        """Each feature against the version in service now, as in `cells`; a column may show one before it."""
        return self._bytes(self.psi.astype(np.float32))

    @staticmethod
    def _bytes(chosen: NDArray[np.float32]) -> bytes:
        scaled = np.clip(np.nan_to_num(chosen / FULL * 254, nan=255.0), 0, 255)
        known = ~np.isnan(chosen)
        scaled[known] = np.minimum(scaled[known], 254)
        return bytes(scaled.astype(np.uint8).tobytes())

    def _compare(self, at: int) -> None:
        self.psi = compare(self._binner.layout, self.counts()).psi
        self.timeline.set("psi", at, self.psi.astype(np.float32))
