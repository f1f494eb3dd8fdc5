"""The newest records' bins with their devices: enough to say whose records have drifted."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import BlamedPart
from driftline.spec.monitoring import DataDriftSpec
from monitoring.distribution.blame import share
from monitoring.distribution.layout import Layout
from monitoring.distribution.parts import MOST_NAMED, MOST_PARTS
from monitoring.events.confined import Judgement, judge_distribution, most_frequent
from monitoring.labels.casebook import coded
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState

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
    level : chance below which a device's records are no chance.
    words : what a bin of a variable holds, for a person.
    """

    def __init__(
        self, layout: Layout, columns: int, spec: DataDriftSpec, level: float, words: Callable[[int, int], str]
    ) -> None:
        self._layout, self._spec, self._level, self._words = layout, spec, level, words
        # Beyond 65,534 bins (a thousand categorical features of a hundred values) the last ones are not told apart.
        self._last = min(len(layout.counts), _NO_BIN) - 1
        self._capacity = min(spec.window, max(_MOST_BINS // max(columns, 1), _FEWEST_ROWS))
        self._rows = Rolling(self._capacity, device=np.object_, bins=(np.uint16, (columns,)))

    @property
    def total(self) -> int:
        """Records ever seen."""
        return self._rows.total

    def append(self, devices: Sequence[str], bins: NDArray[np.int64], order: NDArray[np.intp] | None = None) -> None:
        """Add records.

        Parameters
        ----------
        devices : of each record, in any order.
        bins : flat bins in the order of event time, int64 [n, columns]; -1 for none.
        order : index in `devices` of each row of `bins`; by default its own.
        """
        n = len(bins)
        kept = min(n, self._capacity)
        column = np.empty(kept, dtype=np.object_)
        column[:] = devices[n - kept :] if order is None else [devices[i] for i in order[n - kept :].tolist()]
        bins = bins[n - kept :]
        self._rows.skip(n - kept)
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
            confidence=self._level,
            minimum_psi=self._spec.minimum_psi,
            suspects=min(len(names), MOST_PARTS),
        )
        blamed = []
        for device in judged.devices[:MOST_NAMED]:
            excess = most_frequent(self._layout, counts[device], drifted)
            blamed.append(
                BlamedPart(
                    name=names[device],
                    part_of="device",
                    before=round(excess.before, 4),
                    after=round(excess.after, 4),
                    records=excess.records,
                    p_value=excess.p_value,
                    detail=f'device "{names[device]}" {self._words(excess.variable, excess.bin)} '
                    f"{share(excess.before, excess.after)}",
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
