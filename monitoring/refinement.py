"""Whether a version made of few records should be made anew, now that more of its world is known."""

from dataclasses import dataclass
from typing import Any

import msgspec

from driftline.records.loop import DriftEvent
from monitoring.ask import Ask, restored_event


@dataclass(slots=True)
class Refinement:
    """A version that a drift has brought into service, and what it was made of.

    Its accuracy grows with the logarithm of the records it learns from, or slower, so the next training is worth its
    price once these have multiplied. That bounds the cost: a change brings at most log(window / minimum_labels) /
    log(factor) refinements, however long the world then stays.

    Parameters
    ----------
    version : in service.
    event : the drift it was made for.
    rows : labelled records it was made of.
    at : labelled records of the stream when it was asked for.
    tried : refinements asked for.
    """

    version: int
    event: DriftEvent
    rows: int
    at: int
    tried: int = 0

    def due(self, labelled: int, factor: float, window: int) -> Ask | None:
        """The refinement to ask for when `labelled` labelled records have been seen.

        Parameters
        ----------
        factor : by how much the records must have multiplied.
        window : records that it learns from at most; a version of nearly as many is not refined.
        """
        wanted = min(int(self.rows * factor), window)
        known = self.rows + labelled - self.at
        if wanted < self.rows * 1.5 or known < wanted:
            return None
        return Ask(
            self.event,
            self.tried + 1,
            "retrain-window",
            f"refinement of version {self.version}",
            f"version {self.version} was made of {self.rows} labelled records; {known} are known of its world now",
            None,
            min(known, window),
        )

    def asked(self, ask: Ask, labelled: int) -> None:
        """It was asked for: if it is refused, the next one takes as many records more again."""
        self.rows, self.at, self.tried = ask.newest or self.rows, labelled, ask.attempt


class RefinementState(msgspec.Struct):
    """A `Refinement` in a snapshot."""

    version: int
    event: dict[str, Any]
    rows: int
    at: int
    tried: int


def stored(refinement: Refinement) -> RefinementState:
    """As a snapshot keeps it."""
    return RefinementState(
        refinement.version, refinement.event.model_dump(), refinement.rows, refinement.at, refinement.tried
    )


def restored(state: RefinementState) -> Refinement:
    """What `stored` kept. Raises DamagedState."""
    return Refinement(state.version, restored_event(state.event), state.rows, state.at, state.tried)
