"""How the stream looked in drifts that are over: a world that left may come back."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.distribution.layout import Layout
from monitoring.distribution.recurrence import MOST_EARLIER, same_as
from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import Ledger, part_of


class PastState(msgspec.Struct):
    """Whether there is a part with counts."""

    kept: int = 0
    standing: bool = False


class Past:
    """Counts while there was drift: of the one that stands, and of those before it.

    Parameters
    ----------
    name : of its part of the state.
    minimum_psi : index below which two distributions are the same.
    """

    def __init__(self, name: str, minimum_psi: float) -> None:
        self._name, self._minimum_psi = name, minimum_psi
        self._now: NDArray[np.int64] | None = None
        self._before: list[NDArray[np.int64]] = []

    def see(self, counts: NDArray[np.int64]) -> None:
        """It looks like this while a drift stands; int64 [bins]."""
        self._now = counts

    def over(self) -> None:
        """The drift is over."""
        if self._now is not None:
            self._before = [*self._before, self._now][-MOST_EARLIER:]
            self._now = None

    def knows(self, layout: Layout, counts: NDArray[np.int64]) -> bool:
        """Whether it looked like this in a drift that is over."""
        return any(same_as(layout, counts, before, self._minimum_psi) for before in self._before)

    def snapshot(self, ledger: Ledger) -> PastState:
        """Put the part NAME into the ledger, if there is anything to remember."""
        rows = [*self._before, *([self._now] if self._now is not None else [])]
        if rows:
            ledger.put(self._name, pack(None, {"counts": np.stack(rows)}))
        return PastState(len(self._before), self._now is not None)

    def restore(self, state: PastState, parts: Mapping[str, bytes]) -> None:
        """Become what a snapshot said. Raises DamagedState."""
        wanted = state.kept + state.standing
        if not wanted:
            return
        _, columns = unpack(self._name, part_of(parts, self._name), type(None))
        counts = columns.get("counts")
        if counts is None or counts.ndim != 2 or len(counts) != wanted:
            raise DamagedState(f"monitor state, part {self._name}: not {wanted} windows")
        self._before = list(counts[: state.kept])
        self._now = counts[-1] if state.standing else None
