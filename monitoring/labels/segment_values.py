"""Which value of each segment a record has, remembered until its label comes."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState

DEVICE = "device_id"
"""The segment that is no feature."""


class SegmentValuesState(msgspec.Struct):
    """Partitions and segments of which values are kept; the values are in parts of their own."""

    features: list[str] = []
    partitions: dict[int, RollingState] = {}


class SegmentValues:
    """The values of the segments' features, as codes, by the record's place on NAME.features.

    A label comes long after its features, and an outcome knows its record's partition and offset. So the codes of the
    newest records are kept in the order of their offsets, where a place is found by bisection, without a copy of the
    record or of its id. In all as many as predictions may wait (`monitoring.max_pending`), shared by the partitions.

    Parameters
    ----------
    spec : the stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self.features = tuple(name for name in spec.monitoring.segments if name != DEVICE)
        self._capacity = spec.monitoring.max_pending
        self._codes: list[dict[str | None, int]] = []
        self.names: list[list[str]] = []
        """Values of each segment, by code: the categories, the unknown, the missing."""
        self._columns: list[int] = []
        for i, feature in enumerate(spec.categorical):
            if feature.name in self.features:
                self._columns.append(i)
        self.features = tuple(spec.categorical[i].name for i in self._columns)
        for i in self._columns:
            values = spec.categorical[i].categories
            codes: dict[str | None, int] = {value: code for code, value in enumerate(values)}
            codes[None] = len(values) + 1
            self._codes.append(codes)
            self.names.append([*values, "(unknown)", "(missing)"])
        self._partitions: dict[int, Rolling] = {}

    def __len__(self) -> int:
        """S, the number of segments that are features."""
        return len(self.features)

    def remember(self, features: Decoded) -> None:
        """Take feature records."""
        if not self.features or not len(features):
            return
        codes = self._encode(features.columns)
        for partition in np.unique(features.partitions).tolist():
            rows = np.flatnonzero(features.partitions == partition)
            kept, offsets = self._of(partition), features.offsets[rows]
            if len(kept) and offsets[0] <= kept["offset"][-1]:
                # The topic was made anew: what was known of its places is of other records.
                kept = self._partitions[partition] = self._empty(max(self._capacity // len(self._partitions), 1))
            kept.append(offset=offsets, codes=codes[rows])

    def recall(self, partitions: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Codes of the records at these places, int64 [n, S]; -1 for a record that is not known (any more)."""
        if not self.features:
            return None
        out = np.full((len(partitions), len(self)), -1, dtype=np.int64)
        for partition in np.unique(partitions).tolist():
            kept = self._partitions.get(partition)
            if kept is None or not len(kept):
                continue
            rows = np.flatnonzero(partitions == partition)
            known = kept["offset"]
            at = np.minimum(np.searchsorted(known, offsets[rows]), len(known) - 1)
            found = known[at] == offsets[rows]
            out[rows[found]] = kept["codes"][at[found]]
        return out

    def snapshot(self, ledger: Ledger) -> SegmentValuesState:
        """Put the parts values/PARTITION/0 … into the ledger, as far as they changed."""
        states = {p: rows.snapshot(ledger, f"values/{p}") for p, rows in self._partitions.items()}
        return SegmentValuesState(list(self.features), states)

    def restore(self, state: SegmentValuesState, parts: Mapping[str, bytes]) -> None:
        """Take over a snapshot, unless it is of other segments. Raises DamagedState."""
        if tuple(state.features) != self.features:
            return
        for partition in state.partitions:
            self._of(partition)
        for partition, kept in state.partitions.items():
            self._partitions[partition].restore(kept, parts, f"values/{partition}")

    def _encode(self, columns: Columns) -> NDArray[np.int64]:
        out = np.empty((len(columns), len(self)), dtype=np.int64)
        for j, (column, codes) in enumerate(zip(self._columns, self._codes, strict=True)):
            unknown, get = len(codes) - 1, codes.get
            out[:, j] = [get(value, unknown) for value in columns.categorical[:, column]]
        return out

    def _of(self, partition: int) -> Rolling:
        if partition not in self._partitions:
            share = max(self._capacity // (len(self._partitions) + 1), 1)
            self._partitions[partition] = self._empty(share)
            for other, full in list(self._partitions.items()):
                if other != partition:
                    # Less room for each: the oldest give way.
                    smaller = self._empty(share)
                    smaller.append(offset=full["offset"], codes=full["codes"])
                    self._partitions[other] = smaller
        return self._partitions[partition]

    def _empty(self, capacity: int) -> Rolling:
        return Rolling(capacity, offset=np.int64, codes=(np.int64, (len(self),)))
