"""How many trainings a day may cost."""

from dataclasses import dataclass, field

DAY_MS = 86_400_000


@dataclass(slots=True)
class TrainingBudget:
    """At most `maximum` trainings within any 24 hours.

    Parameters
    ----------
    maximum : trainings.
    spent : job id → epoch ms at which it was asked for; those of the last 24 hours, a part of the state.

    >>> budget = TrainingBudget(1)
    >>> budget.spend("a", 0)
    >>> budget.allows(DAY_MS - 1), budget.allows(DAY_MS)
    (False, True)
    """

    maximum: int
    spent: dict[str, int] = field(default_factory=dict)

    def allows(self, now_ms: int) -> bool:
        """Whether one more may be asked for now."""
        self.spent = {job: at for job, at in self.spent.items() if at > now_ms - DAY_MS}
        return len(self.spent) < self.maximum

    def spend(self, job_id: str, now_ms: int) -> None:
        """A training was asked for."""
        self.spent[job_id] = now_ms

    def give_back(self, job_id: str) -> None:
        """Nothing was trained for this job."""
        self.spent.pop(job_id, None)
