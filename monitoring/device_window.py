"""The newest records' bins with their devices: enough to say whose records have drifted."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import BlamedPart
from driftline.spec.monitoring import DataDriftSpec
from monitoring.casebook import coded
from monitoring.confined import Judgement, device_comparison, judge_distribution
from monitoring.layout import Layout
from monitoring.ledger import Ledger
from monitoring.parts import MOST_NAMED, MOST_PARTS
from monitoring.rolling import Rolling, RollingState

# Bins kept, 2 bytes each and twice for the move: 4 MB. A stream of 1,000 features keeps 1,000 records of each window.
_MOST_BINS = 1_000_000
_FEWEST_ROWS = 200
_NO_BIN = 65_535


class DeviceWindow:
    """Keeps the bins and devices of the newest `spec.window` records, or of fewer on a wide stream.

    Parameters
    ----------
    layout : the bins.
    columns : bins of a record.
    spec : the data-drift section.
    """

    def __init__(self, layout: Layout, columns: int, spec: DataDriftSpec) -> None:
        self._layout, self._spec = layout, spec
        # Beyond 65,534 bins (a thousand categorical features of a hundred values) the last ones are not told apart.
        self._last = min(len(layout.counts), _NO_BIN) - 1
        capacity = min(spec.window, max(_MOST_BINS // max(columns, 1), _FEWEST_ROWS))
        self._rows = Rolling(capacity, device=np.object_, bins=(np.uint16, (columns,)))

    @property
    def total(self) -> int:
        """Records ever seen."""
        return self._rows.total

    def append(self, devices: Sequence[str], bins: NDArray[np.int64]) -> None:
        """Add records in order: devices [n] and flat bins int64 [n, columns], -1 for none."""
        column = np.empty(len(devices), dtype=np.object_)
        column[:] = devices
        if bins.size and (bins.min() < 0 or len(self._layout.counts) > _NO_BIN):
            bins = np.where(bins < 0, _NO_BIN, np.minimum(bins, self._last))
        self._rows.append(device=column, bins=bins)

    def judge(self, drifted: NDArray[np.int64]) -> tuple[Judgement, list[BlamedPart]]:
        """Why these variables have drifted, as far as devices tell, and whose records show it if it is a few devices'.

        Parameters
        ----------
        drifted : indices of variables, the most drifted first.
        """
        names, counts = self._counts()
        judged = judge_distribution(
            self._layout,
            counts,
            drifted,
            self._spec.confidence,
            self._spec.minimum_psi,
            suspects=min(len(names), MOST_PARTS),
        )
        blamed = []
        for device in judged.devices[:MOST_NAMED]:
            small, compared = device_comparison(self._layout, counts[device], drifted)
            worst = int(np.argmax(compared.psi))
            blamed.append(
                BlamedPart(
                    name=names[device],
                    part_of="device",
                    records=compared.rows,
                    score=round(float(compared.psi[worst]), 4),
                    p_value=float(compared.adjusted[worst]),
                    detail=f'device "{names[device]}" differs most in {small.names[worst]}',
                )
            )
        return judged, blamed

    def snapshot(self, ledger: Ledger, name: str) -> RollingState:
        """Put the parts NAME/0, NAME/1 … into the ledger, as far as they changed."""
        return self._rows.snapshot(ledger, name)

    def restore(self, state: RollingState, parts: Mapping[str, bytes], name: str) -> None:
        """Take over the records of a snapshot; this window must be new. Raises DamagedState."""
        self._rows.restore(state, parts, name)

    def _counts(self) -> tuple[list[str], NDArray[np.int64]]:
        """Devices with most records, and their counts int64 [devices, bins]; the rest of them is one without a name."""
        names, codes = coded(self._rows["device"])
        if len(names) > MOST_PARTS:
            order = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")
            place = np.full(len(names), MOST_PARTS)
            place[order[:MOST_PARTS]] = np.arange(MOST_PARTS)
            names, codes = [*(names[i] for i in order[:MOST_PARTS].tolist()), ""], place[codes]
        width = len(self._layout.counts)
        bins = self._rows["bins"].astype(np.int64)
        flat = np.where(bins == _NO_BIN, -1, bins + codes[:, None] * width).ravel()
        counts = np.bincount(flat[flat >= 0], minlength=len(names) * width)
        return names, counts.reshape(len(names), width)
