"""Where a training comes from: what the manifest of its model will say about it."""

from typing import Self

from driftline.records.loop import RetrainingJob, Window
from driftline.registry.manifest import Document


class Origin(Document):
    """The data's source and the job that asked."""

    source: str
    created_at: int
    """Epoch ms."""
    window: Window | None = None
    job_id: str | None = None
    drift_event_id: str | None = None
    replaces: int | None = None
    """The version in service."""

    @classmethod
    def of_job(cls, job: RetrainingJob, champion_version: int | None, now_ms: int) -> Self:
        """Of a retraining job from the topic; the model in service may have changed since the job was asked for."""
        return cls(
            source="kafka",
            created_at=now_ms,
            window=job.window,
            job_id=job.job_id,
            drift_event_id=job.drift_event_id,
            replaces=champion_version,
        )
