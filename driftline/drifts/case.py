"""Drift events with what was done about them, put together from what the topics hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline.errors import UsageError
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob

NEWEST = "last"
# Ids that a refusal lists.
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Case:
    """One drift event: as it was last told, and what was done about it.

    Attributes
    ----------
    opened_at : when it was first told, epoch ms.
    records : all that was told of it, oldest first; `event` is the last of them.
    """

    event: DriftEvent
    opened_at: int
    jobs: tuple[RetrainingJob, ...]
    verdicts: tuple[ModelEvent, ...]
    records: tuple[DriftEvent, ...] = ()

    @property
    def standing(self) -> bool:
        return self.event.state != "closed"

    def verdict(self, job: RetrainingJob) -> ModelEvent | None:
        """What became of one of its jobs; None if that is not known."""
        return next((event for event in self.verdicts if event.job_id == job.job_id), None)


def told(event: DriftEvent) -> int:
    """When a record of an event was made, epoch ms."""
    return event.told_at or event.detected_at


def gather(
    events: Sequence[DriftEvent], jobs: Sequence[RetrainingJob], model_events: Sequence[ModelEvent]
) -> list[Case]:
    """The events in the order in which they were opened, each with its jobs and their verdicts.

    Parameters
    ----------
    events : as they lie on their one partition; a record that is there twice counts once.
    """
    records: dict[str, list[DriftEvent]] = {}
    for event in events:
        if event not in (own := records.setdefault(event.event_id, [])):
            own.append(event)
    cases = []
    for name, ordered in records.items():
        asked = tuple({job.job_id: job for job in jobs if job.drift_event_id == name}.values())
        ids = {job.job_id for job in asked}
        verdicts = {verdict.event_id: verdict for verdict in model_events if verdict.job_id in ids}
        cases.append(
            Case(
                ordered[-1],
                told(ordered[0]),
                asked,
                tuple(sorted(verdicts.values(), key=lambda verdict: verdict.at)),
                tuple(ordered),
            )
        )
    return sorted(cases, key=lambda case: case.opened_at)


def find(cases: Sequence[Case], name: str) -> Case:
    """The event of this id, of an id that begins like this, or the newest for `last`.

    Raises
    ------
    UsageError : there is none, or several ids begin like this.
    """
    ids = [case.event.event_id for case in cases]
    if name == NEWEST and cases:
        return cases[-1]
    chosen = [case for case in cases if case.event.event_id == name]
    chosen = chosen or [case for case in cases if name and case.event.event_id.startswith(name)]
    if len(chosen) == 1:
        return chosen[0]
    if not cases:
        raise UsageError(f"EVENT: read {name!r}, but no drift was told on this stream yet")
    if chosen:
        raise UsageError(f"EVENT: read {name!r}, which begins {len(chosen)} ids: {_listed(chosen)}")
    newest = list(reversed(cases))
    raise UsageError(
        f"EVENT: read {name!r}; allowed: `{NEWEST}`, or the beginning of one of {len(ids)} ids: {_listed(newest)}"
    )


def _listed(cases: Sequence[Case]) -> str:
    named = ", ".join(case.event.event_id for case in cases[:_LISTED])
    return named + (f" and {len(cases) - _LISTED} more" if len(cases) > _LISTED else "")
