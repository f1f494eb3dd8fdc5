"""The verdict on a job, as the event that says it; and whether an earlier worker has reached it already."""

from collections.abc import Sequence

import structlog

from driftline.records.loop import ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry.manifest import Champion
from driftline.registry.registry import Registry
from driftline.spec.stream import StreamSpec
from training.messages import metrics_of

log = structlog.get_logger()


class Verdicts:
    """Makes the events of one stream's jobs."""

    def __init__(self, spec: StreamSpec, registry: Registry) -> None:
        self._spec, self._registry = spec, registry

    def already(self, job: RetrainingJob, champion: Champion | None) -> ModelEvent | None:
        """The verdict that an earlier worker reached on this job and could not announce, if it did."""
        for kind in ModelEventKind:
            if champion is not None and champion.event_id == f"{kind.value}-{job.job_id}":
                return self._again(job, champion.version, kind)
        made = self._registry.by_job(job.job_id)
        if made is None:
            return None
        if champion is not None and made.version in self._former(champion):
            # An operator may have rolled it back: the job, delivered again, must not put it into service again.
            reason = f"version {made.version} was in service and has been replaced by version {champion.version}"
        elif (champion.version if champion else None) == made.replaced_version:
            return self._again(job, made.version, ModelEventKind.PROMOTED)
        else:
            reason = f"version {made.version} was stored, but another model was put into service before it was"
        return self.refused(job, made.created_at, (reason,), {}, None)

    def _former(self, champion: Champion) -> set[int | None]:
        """Versions that were in service before this champion was put there."""
        earlier = {change.version for change in self._registry.history() if change.sequence < champion.sequence}
        return {champion.previous_version, *earlier}

    def _again(self, job: RetrainingJob, version: int, kind: ModelEventKind) -> ModelEvent:
        manifest = self._registry.manifest(version)
        # A recall leaves nothing but the champion's file: its figures went with the worker that measured them.
        verdict = manifest.verdict if kind is ModelEventKind.PROMOTED else None
        return self._registry.set_champion(
            version,
            kind,
            now_ms=manifest.created_at,
            job_id=job.job_id,
            drift_event_id=job.drift_event_id,
            reasons=verdict.reasons if verdict else (f"{kind.value} before its worker ended, without announcing it",),
            metrics=metrics_of(verdict.candidate, verdict.champion) if verdict else None,
        )

    def _event(
        self,
        job: RetrainingJob,
        kind: ModelEventKind,
        now_ms: int,
        reasons: Sequence[str],
        metrics: dict[str, float],
        seconds: float | None,
        *,
        trained: bool = True,
    ) -> ModelEvent:
        return ModelEvent(
            event_id=f"{kind.value}-{job.job_id}",
            stream=self._spec.stream,
            kind=kind,
            previous_version=job.champion_version,
            job_id=job.job_id,
            drift_event_id=job.drift_event_id,
            action=job.action,
            at=now_ms,
            reasons=list(reasons),
            metrics=metrics,
            seconds=seconds,
            trained=trained,
        )

    def refused(
        self,
        job: RetrainingJob,
        now_ms: int,
        reasons: Sequence[str],
        metrics: dict[str, float],
        seconds: float | None,
        *,
        trained: bool = True,
    ) -> ModelEvent:
        """The verdict that the model in service stays."""
        return self._event(job, ModelEventKind.REFUSED, now_ms, reasons, metrics, seconds, trained=trained)

    def failed(self, job: RetrainingJob, now_ms: int, started: int, reason: str) -> ModelEvent:
        """The verdict that no model came of it; logged."""
        log.error("training failed", job=job.job_id, error=reason)
        return self._event(job, ModelEventKind.FAILED, now_ms, (reason[:1_000],), {}, (now_ms - started) / 1000)
