"""What the concept monitor asks of a detector, ours or river's."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitoring.concept.detector_state import DetectorState


class Trigger(Protocol):
    """Something that watches a stream of errors and says when it may have changed."""

    name: str
    memory: int
    """Outcomes of known history that are worth showing to it before the first real one."""

    reach: int | None
    """How many of the newest outcomes its state depends on; None for all since it last started afresh."""

    proven: bool
    """Whether its ring is within the budget of false alarms by itself, and needs no further evidence."""

    rose: bool
    """Whether its last ring was for a rise; true where it cannot tell."""

    e_value: float
    """Evidence of its last ring: it is reached by chance once in so many outcomes; 0 where it cannot tell."""

    @property
    def dependence(self) -> float:
        """How many outcomes say as much as one independent one would; 1 where it does not measure that."""

    def inherit(self, former: "Trigger") -> None:
        """Take over what is the stream's own from the detector of the version before."""

    def learn(self, wrong: NDArray[np.bool_], *, in_order: bool = True) -> None:
        """Take outcomes as known history, oldest first, or in an order that means nothing."""

    def until_ring(self, wrong: NDArray[np.bool_]) -> int | None:
        """Take outcomes, oldest first, until one makes it suspect a change; its index, or None if all were taken."""

    def update(self, wrong: NDArray[np.bool_]) -> bool:
        """Take outcomes, oldest first; true if any of them made it suspect a change, up or down."""

    def forget(self) -> None:
        """What comes is another world: start afresh."""

    def snapshot(self) -> DetectorState | None:
        """Everything that decides what it says next; None if that cannot be told."""

    def restore(self, state: DetectorState | None) -> bool:
        """Become what a snapshot said; false, and unchanged, if that is of another detector or library version."""
