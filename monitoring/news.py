"""What the model follower has said, kept so that a core restored to an earlier time can hear it again."""

from collections.abc import Iterator
from dataclasses import dataclass

from driftline.records.loop import ModelEvent
from driftline.registry.reference import Reference

# Model events kept. A state is a few seconds old when it is restored; in that time there are a handful at most.
_EVENTS = 1_000
# A registry names a champion with a lower number than the state's either because this process has not looked since the
# last change (it looks every 5 s), or because the registry was made anew.
_SETTLED_MS = 60_000


@dataclass(frozen=True, slots=True)
class Announced:
    """A version that is now in service; `sequence` counts the changes of champion in the registry."""

    version: int
    reference: Reference
    sequence: int = 0


class News:
    """The newest champion and the newest model events, in the order in which they were first heard."""

    def __init__(self) -> None:
        self.champion: Announced | None = None
        self._events: dict[tuple[str, str | None, int], ModelEvent] = {}
        self._behind_since: int | None = None

    def heard(self, event: ModelEvent) -> None:
        """Remember an event; the same one told again takes no second place."""
        self._events.setdefault((event.event_id, event.job_id, event.sequence), event)
        while len(self._events) > _EVENTS:
            del self._events[next(iter(self._events))]

    def events(self) -> list[ModelEvent]:
        return list(self._events.values())

    def of_job(self, job_id: str) -> Iterator[ModelEvent]:
        """What was heard of one job."""
        return (event for event in self.events() if event.job_id == job_id)

    def settled(self, sequence: int, now_ms: int) -> bool:
        """Whether the champion has been of a lower number than `sequence` for so long that it must be meant so."""
        if self.champion is None or self.champion.sequence >= sequence:
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since = now_ms
        return now_ms - self._behind_since >= _SETTLED_MS
