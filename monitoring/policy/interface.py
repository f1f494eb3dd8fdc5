"""What the monitor's core asks of a policy."""

from collections.abc import Callable
from typing import Protocol

from driftline.records.loop import DriftEvent, ModelEvent
from monitoring.policy.ask import Ask

LabelledSince = Callable[[DriftEvent], int]
"""Labelled records known since an event's onset."""

Record = Callable[[int], tuple[int, int]]
"""Outcomes of a version so far, and how many of them were right."""


def unknown(version: int) -> tuple[int, int]:
    """The record of a version of which nothing is known."""
    return 0, 0


class Policy(Protocol):
    """What to do about drift. Told of everything that happens, asked after every batch whether a job is due."""

    def drifted(self, event: DriftEvent) -> None:
        """The monitor said this; the same event comes again when it is updated. Closed ones are told to `over`."""

    def over(self, event_id: str) -> None:
        """That drift is over without a retraining."""

    def installed(self, version: int) -> None:
        """The detectors now watch this version."""

    def happened(self, event: ModelEvent, labelled: int) -> None:
        """Something happened to a version, when `labelled` labelled records had been seen.

        An event may be told again at any time, and must then change nothing.
        """

    def tells(self, event: DriftEvent) -> bool:
        """Whether people and programs hear of this event."""

    def due(self, labelled: int, since: LabelledSince, now_ms: int = 0, record: Record = unknown) -> Ask | None:
        """The job to ask for now, which then counts as asked.

        Parameters
        ----------
        labelled : labelled records seen so far.
        """

    def snapshot(self) -> bytes:
        """Everything that decides what it says next, without pickle."""

    def restore(self, state: bytes) -> None:
        """Become what a snapshot said. Raises DamagedState."""
