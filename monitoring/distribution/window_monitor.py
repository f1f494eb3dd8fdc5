"""What all who watch a distribution have in common: one sliding window, its state, and its scores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from driftline.records.loop import Blame
from monitoring.distribution.blocks import BlocksState, SlidingBlocks
from monitoring.distribution.stretch import BlockFinding
from monitoring.store.ledger import Ledger


class WindowMonitor(ABC):
    """Watches some variables in a sliding window against one model's reference.

    Parameters
    ----------
    window : over the records of its kind.
    name : of the parts of its state.
    """

    def __init__(self, window: SlidingBlocks, name: str) -> None:
        self._window, self._name = window, name

    @property
    def detector(self) -> str:
        """The name of what is watched by, e.g. psi+chi-square."""
        return self._window.detector

    @property
    def standing(self) -> bool:
        """Whether a drift stands."""
        return self._window.standing

    @property
    def window(self) -> SlidingBlocks:
        """The window itself."""
        return self._window

    @property
    def scores(self) -> dict[str, float]:
        """Population stability index of each variable at the newest evaluation; empty before the first."""
        latest = self._window.latest
        if latest is None:
            return {}
        return dict(zip(self._window.layout.names, latest.comparison.psi.tolist(), strict=True))

    def snapshot(self, ledger: Ledger) -> BlocksState:
        """Put the parts NAME/0, NAME/1 … into the ledger, as far as they changed."""
        return self._window.snapshot(ledger, self._name)

    def restore(self, state: BlocksState, parts: Mapping[str, bytes]) -> bool:
        """Become what a snapshot said; see `monitoring.distribution.blocks.SlidingBlocks.restore`."""
        return self._window.restore(state, parts, self._name)

    @abstractmethod
    def blame(self, finding: BlockFinding) -> list[Blame]:
        """The variables to blame for a finding, most drifted first."""
