"""Waiting for a registry that is away: that may pass, while a full disk is a verdict."""

from collections import Counter

import structlog

from driftline.errors import DriftlineError
from driftline.records.loop import RetrainingJob
from driftline.registry.errors import RegistryError, Unreachable

log = structlog.get_logger()

ASK_AGAIN_MS = 5_000
"""The registry is asked again this often, up to the job's time limit."""


class Patience:
    """How often the registry failed, and for which job that was not begun yet it is waited for.

    Parameters
    ----------
    most_ms : a job is held back that long and then answered without the registry.

    Attributes
    ----------
    failures : by cause; whoever has shown them takes them out.
    """

    def __init__(self, most_ms: int) -> None:
        self.failures: Counter[str] = Counter()
        self._most_ms = most_ms
        self.forget()

    def forget(self) -> None:
        """No job is waited with."""
        self._job, self._since, self._again = "", 0, 0

    def count(self, error: DriftlineError) -> None:
        """Count a failure, if it is one of the registry."""
        if isinstance(error, RegistryError):
            self.failures[error.cause] += 1

    def lasts(self, error: DriftlineError) -> bool:
        """Count it; whether to ask again."""
        self.count(error)
        return isinstance(error, Unreachable)

    def for_job(self, job: RetrainingJob, error: DriftlineError, now_ms: int) -> bool:
        """Whether the job is held back for the registry to come back."""
        since = self._since if self._job == job.job_id else now_ms
        if not self.lasts(error) or now_ms - since > self._most_ms:
            return False
        if self._job != job.job_id:
            log.warning("the registry is away; the job waits for it", job=job.job_id, error=str(error))
        self._job, self._since, self._again = job.job_id, since, now_ms + ASK_AGAIN_MS
        return True

    def holds(self, job: RetrainingJob, now_ms: int) -> bool:
        """Whether it is too early to begin this job."""
        return self._job == job.job_id and now_ms < self._again
