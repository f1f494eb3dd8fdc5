"""The life of drift events: opened once, updated when a person would want to know, closed when the drift is over."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from pydantic import ValidationError

from driftline.records.loop import DriftEvent, DriftKind
from monitoring.store.encoding import DamagedState

Because = Literal["recovered", "new-version"]

# A rate that moved by less is no news: five points are what a person reads as different.
_NEWS = 0.05
_SEVERITY = {"warning": 0, "alarm": 1}
# The first look comes after this part of `every`: a fault of a sensor must be known before a retraining is asked for.
_FIRST_LOOK = 16
# Of an old event a look comes after this part of its age.
_SELDOM = 8
# After this many times `every` its shape is known or will never be.
_YOUNG = 16


class CaseState(msgspec.Struct):
    """A standing event as it is stored."""

    event: dict[str, Any]
    opened: int
    looked: int
    told: int
    wait: int


@dataclass(slots=True)
class Case:
    """A standing event.

    Attributes
    ----------
    event : its newest record.
    opened, looked, told : records of its kind seen when it was opened, last looked at and last told of.
    wait : fewest records from one record of it to the next, unless its severity grows or its cause is another.
    """

    event: DriftEvent
    opened: int
    looked: int
    told: int
    wait: int


class Lifecycle:
    """The standing events of one watch, at most one of each kind.

    An event is looked at again every `every` records; sooner at its beginning, when little is known of it, and more
    seldom once it is old. It is told again at once if its severity has grown or if it turned out to be, or not to be, a
    sensor's fault; else only if something in it is news, `every` records after it was opened and each time after twice
    as many: a drift that stands for a million records is told a dozen times.

    Parameters
    ----------
    every : records.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._cases: dict[DriftKind, Case] = {}

    def of(self, kind: DriftKind) -> DriftEvent | None:
        """The newest record of the standing event of a kind."""
        case = self._cases.get(kind)
        return case.event if case else None

    @property
    def kinds(self) -> list[DriftKind]:
        """Kinds of which an event stands."""
        return list(self._cases)

    def open(self, event: DriftEvent, seen: int) -> None:
        """An event was told for the first time, when `seen` records of its kind had been seen."""
        self._cases[event.kind] = Case(event, seen, seen, seen, self._every)

    def keep(self, event: DriftEvent) -> None:
        """The newest record of a standing event, with more in it than was known of it."""
        case = self._cases.get(event.kind)
        if case is not None and case.event.event_id == event.event_id:
            case.event = event

    def due(self, kind: DriftKind, seen: int) -> bool:
        """Whether the standing event of a kind is to be looked at now, which then counts as looked at."""
        case = self._cases.get(kind)
        if case is None:
            return False
        age = seen - case.opened
        gap = max(min(age // 2, self._every), self._every // _FIRST_LOOK, age // _SELDOM)
        if seen - case.looked < gap:
            return False
        case.looked = seen
        return True

    def young(self, kind: DriftKind, seen: int) -> bool:
        """Whether the standing event of a kind is still taking shape."""
        return seen - self._cases[kind].opened <= _YOUNG * self._every

    def may_tell(self, kind: DriftKind, seen: int) -> bool:
        """Whether the standing event of a kind may be told again for mere news."""
        case = self._cases[kind]
        return seen - case.told >= case.wait

    def revised(self, kind: DriftKind, known: dict[str, Any], seen: int, now_ms: int) -> DriftEvent | None:
        """The next record of the standing event of a kind, if what is known now is worth one.

        Parameters
        ----------
        known : fields of the event as they are now.
        """
        case = self._cases[kind]
        before, after = case.event, case.event.model_copy(update=known)
        fault = (before.cause == "sensor") != (after.cause == "sensor")
        grown = _SEVERITY[after.severity] > _SEVERITY[before.severity]
        urgent = grown or fault
        if not urgent and not (self.may_tell(kind, seen) and _news(before, after)):
            return None
        case.event = after.model_copy(
            update={"state": "updated", "revision": before.revision + 1, "told_at": now_ms, "grown": grown}
        )
        case.looked = case.told = seen
        case.wait *= 2
        return case.event

    def close(self, kind: DriftKind, because: Because) -> DriftEvent | None:
        """The last record of the standing event of a kind, without the time at which it is told; None without one."""
        case = self._cases.pop(kind, None)
        if case is None:
            return None
        event = case.event
        return event.model_copy(
            update={
                "state": "closed",
                "grown": False,
                "closed_because": because,
                "revision": event.revision + 1,
                "summary": f"{_ENDED[because]} {event.summary}",
            }
        )

    def snapshot(self) -> list[CaseState]:
        """Everything that decides what is told next."""
        return [CaseState(c.event.model_dump(), c.opened, c.looked, c.told, c.wait) for c in self._cases.values()]

    def restore(self, cases: list[CaseState]) -> None:
        """Become what a snapshot said. Raises DamagedState."""
        events = [(stored_event("watch", case.event), case) for case in cases]
        self._cases = {
            event.kind: Case(event, case.opened, case.looked, case.told, case.wait) for event, case in events
        }


_ENDED: dict[str, str] = {"recovered": "Over, the world is as it was:", "new-version": "Over, a new version answers:"}


def stored_event(part: str, values: dict[str, Any]) -> DriftEvent:
    """An event as a part of the state holds it. Raises DamagedState."""
    try:
        return DriftEvent.model_validate(values)
    except ValidationError as error:
        raise DamagedState(f"monitor state, part {part}: {error.errors(include_url=False)[0]['msg']}") from error


def _news(before: DriftEvent, after: DriftEvent) -> bool:
    if before.shape != after.shape:
        return True
    rates = [event.evidence.get("error_after") for event in (before, after)]
    if None not in rates and abs((rates[1] or 0.0) - (rates[0] or 0.0)) >= _NEWS:
        return True
    # Where the world has changed, one more device that shows it is no news.
    devices = after.cause == "sensor"
    # A part that is blamed no more is no news while the drift stands: near a threshold it would come and go.
    return any(
        {(p.part_of, p.name) for p in now} - {(p.part_of, p.name) for p in then}
        for then, now in (
            (before.classes, after.classes),
            (before.devices, after.devices if devices else []),
            (before.segments, after.segments),
        )
    ) or bool({b.feature for b in after.features} - {b.feature for b in before.features})
