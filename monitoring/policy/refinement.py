"""Whether a version made of few records should be made anew, now that more of its world is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from driftline.records.loop import DriftEvent
from monitoring.policy.ask import Ask, restored_event, stored_event

# Less than twice the records would bring next to nothing.
_FEWEST_TIMES = 2.0


@dataclass(slots=True)
class Refinement:
    """A version that a drift has brought into service, and what it was made of.

    Its accuracy grows with the logarithm of the records it learns from, or slower, so the next training is worth its
    price once these have multiplied. That bounds the cost: a change brings at most log(window / minimum_labels) /
    log(factor) refinements, however long the world then stays.

    Parameters
    ----------
    version : in service.
    event : the drift it was made for; None where a challenge brought it in.
    rows : labelled records it was made of.
    at : labelled records of the stream when it was asked for.
    tried : refinements asked for.
    seen, right : outcomes and right ones of the version before this service; None until the first look.
    """

    version: int
    event: DriftEvent | None
    rows: int
    at: int
    tried: int = 0
    seen: int | None = None
    right: int = 0

    def begin(self, record: Callable[[int], tuple[int, int]]) -> None:
        """Count its outcomes from here on, unless they are being counted."""
        if self.seen is None:
            self.seen, self.right = record(self.version)

    def _served(self, record: Callable[[int], tuple[int, int]]) -> tuple[int, int]:
        """Outcomes and right ones in this service."""
        self.begin(record)
        seen, right = record(self.version)
        return seen - (self.seen or 0), right - self.right

    def due(
        self, labelled: int, factor: float, window: int, target: float, record: Callable[[int], tuple[int, int]]
    ) -> Ask | None:
        """The refinement to ask for when `labelled` labelled records have been seen.

        Parameters
        ----------
        factor : by how much the records must have multiplied.
        window : records that it learns from at most; a version of nearly as many is not refined.
        target : accuracy above which it is good enough.
        record : outcomes of a version so far, and the right ones.
        """
        if self.tried:
            factor = min(factor, _FEWEST_TIMES)
        wanted = min(int(self.rows * max(factor, _FEWEST_TIMES)), window)
        known = self.rows + labelled - self.at
        if wanted < self.rows * _FEWEST_TIMES or known < wanted:
            return None
        seen, right = self._served(record)
        if right >= target * max(seen, 1):
            # Good enough as it is; looked at again once there are as many more records.
            self.rows, self.at = known, labelled
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
        """It was asked for: if it is refused, the next one is due once its records have doubled."""
        self.rows, self.at, self.tried = ask.newest or self.rows, labelled, ask.attempt


class RefinementState(msgspec.Struct):
    """A `Refinement` in a snapshot."""

    version: int
    event: dict[str, Any] | None
    rows: int
    at: int
    tried: int
    seen: int | None
    right: int


def stored(refinement: Refinement) -> RefinementState:
    """As a snapshot keeps it."""
    return RefinementState(
        refinement.version,
        stored_event(refinement.event),
        refinement.rows,
        refinement.at,
        refinement.tried,
        refinement.seen,
        refinement.right,
    )


def restored(state: RefinementState) -> Refinement:
    """What `stored` kept. Raises DamagedState."""
    return Refinement(
        state.version, restored_event(state.event), state.rows, state.at, state.tried, state.seen, state.right
    )
