"""Which records lie far outside of what a model was trained on, by their place on NAME.features."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftline.registry.reference import CategoricalReference, NumericReference, Reference
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState

FAR = 5.0
"""Standard deviations of the training rows from which on a value was hardly ever seen (Chebyshev: 4 % at most)."""

# As far as a category that the model has never heard of is taken to be.
_UNKNOWN = 10.0
# A drift may throw everything out; the newest do then.
_KEPT = 4_096
_OFFSETS = 2**44


class UnseenPlaces:
    """The newest records with a value at least `FAR` from the training rows' mean, or with an unknown category.

    A record's distance is that of its farthest value, in standard deviations; missing values have none.

    Parameters
    ----------
    spec : the stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self._spec = spec
        self._rows = Rolling(_KEPT, place=np.int64, distance=np.float32)
        self._reference: Reference | None = None
        self._mean: NDArray[np.float32] = np.zeros(0, np.float32)
        self._scale: NDArray[np.float32] = np.zeros(0, np.float32)
        self._known: list[frozenset[str | None]] = []

    def remember(self, features: Decoded, reference: Reference) -> None:
        """Take feature records, against this reference."""
        if not len(features):
            return
        if reference is not self._reference:
            self._follow(reference)
        distance = np.zeros(len(features), dtype=np.float32)
        if len(self._mean):
            apart = np.abs((features.columns.numeric - self._mean) * self._scale)
            distance = np.nan_to_num(apart, nan=0.0, posinf=0.0).max(axis=1)
        for column, known in enumerate(self._known):
            values = features.columns.categorical[:, column]
            strange = np.fromiter((value not in known for value in values), np.bool_, len(values))
            distance = np.where(strange, np.maximum(distance, _UNKNOWN), distance)
        far = distance >= FAR
        if far.any():
            place = features.partitions[far] * _OFFSETS + features.offsets[far]
            self._rows.append(place=place, distance=distance[far])

    def distances(self, partitions: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Of the records at these places, float32 [n]; 0 of those that are not far, or not known."""
        out = np.zeros(len(partitions), dtype=np.float32)
        kept = self._rows["place"]
        if not len(kept) or not len(out):
            return out
        order = np.argsort(kept, kind="stable")
        wanted = partitions * _OFFSETS + offsets
        at = order[np.minimum(np.searchsorted(kept, wanted, side="right", sorter=order) - 1, len(kept) - 1)]
        found = kept[at] == wanted
        out[found] = self._rows["distance"][at[found]]
        return out

    def snapshot(self, ledger: Ledger) -> RollingState:
        """Put the parts unseen/0 … into the ledger, as far as they changed."""
        return self._rows.snapshot(ledger, "unseen")

    def restore(self, state: RollingState, parts: Mapping[str, bytes]) -> None:
        """Take over a snapshot; this one must be new. Raises DamagedState."""
        self._rows.restore(state, parts, "unseen")

    def _follow(self, reference: Reference) -> None:
        self._reference = reference
        by_name = {feature.name: feature for feature in reference.features}
        numeric = [by_name.get(feature.name) for feature in self._spec.numeric]
        known = [one if isinstance(one, NumericReference) and one.std > 0 else None for one in numeric]
        self._mean = np.array([one.mean if one else 0.0 for one in known], dtype=np.float32)
        self._scale = np.array([1 / one.std if one else 0.0 for one in known], dtype=np.float32)
        self._known = [
            frozenset([*one.categories, None])
            for feature in self._spec.categorical
            if isinstance(one := by_name.get(feature.name), CategoricalReference)
        ]
