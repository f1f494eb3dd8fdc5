"""The loop's own traces: a drift event, the job it leads to, what became of it and the swap are one."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from driftline.kafka.interface import Batch, Outgoing
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob
from driftline.registry.manifest import Champion
from driftline.topics import Topics
from driftline.tracing.context import Context
from driftline.tracing.identity import Identity
from driftline.tracing.spans import Span, Spans

_MS = 1_000_000


class LoopIdentity:
    """Which trace a record of the loop belongs to: that of its drift event, or of the job where there is none."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def drift(self, event_id: str) -> Context:
        return self._identity.context(self._identity.trace(event_id), "drift")

    def job(self, job_id: str, drift_event_id: str | None) -> Context:
        return self._identity.context(self._identity.trace(drift_event_id or job_id), f"job {job_id}")

    def verdict(self, event: ModelEvent) -> Context:
        trace = self._identity.trace(event.drift_event_id or event.job_id or event.event_id)
        return self._identity.context(trace, f"verdict {event.event_id}")

    def of_drift(self, event: DriftEvent) -> Span:
        """From the change to the telling of it; linked to the records it was found at, if they are followed."""
        root, told = self.drift(event.event_id), event.told_at or event.detected_at
        first = event.revision == 0
        began = event.onset.event_time if first and event.onset.event_time is not None else told
        named = [at.record_id for at in (event.onset, event.detected) if at.record_id is not None]
        followed = self._identity.followed(named)
        return Span(
            name=f"drift {event.state}",
            context=root if first else self._identity.context(root.trace, f"drift {event.revision}"),
            parent=None if first else root,
            start=min(began, told) * _MS,
            end=told * _MS,
            attributes={
                "driftline.drift.event_id": event.event_id,
                "driftline.drift.kind": event.kind.value,
                "driftline.drift.severity": event.severity,
                "driftline.drift.detector": event.detector,
                "driftline.drift.summary": event.summary,
                "driftline.model.version": event.model_version,
            },
            links=tuple(self._identity.context(trace, f"predict {named[row]}") for row, trace in followed.items()),
        )

    def of_job(self, job: RetrainingJob) -> Span:
        return Span(
            name="retraining asked for",
            context=self.job(job.job_id, job.drift_event_id),
            parent=self.drift(job.drift_event_id) if job.drift_event_id else None,
            start=job.requested_at * _MS,
            end=job.requested_at * _MS,
            kind="producer",
            attributes={
                "driftline.job.id": job.job_id,
                "driftline.job.action": job.action,
                "driftline.job.reason": job.reason,
                "driftline.job.requested_by": job.requested_by,
            },
        )

    def of_verdict(self, event: ModelEvent) -> Span:
        """From taking the job to the verdict."""
        began = event.at - round(1_000 * (event.seconds or 0))
        more = {"driftline.model.version": event.version} if event.version is not None else {}
        return Span(
            name=f"retraining {event.kind.value}" if event.job_id else event.kind.value,
            context=self.verdict(event),
            parent=self.job(event.job_id, event.drift_event_id) if event.job_id else None,
            start=began * _MS,
            end=event.at * _MS,
            kind="consumer",
            attributes={"driftline.job.id": event.job_id or "", "driftline.verdict": event.kind.value, **more},
        )

    def of_swap(self, event: ModelEvent, champion: Champion, now: int) -> Span:
        """From the change of champion to the new version in service; `now` in epoch ns."""
        caused = self.verdict(event)
        return Span(
            name="swap",
            # Each consumer swaps for itself, so the moment belongs to the name.
            context=self._identity.context(caused.trace, f"swap {champion.sequence} {now}"),
            parent=caused,
            start=min(champion.changed_at * _MS, now),
            end=now,
            kind="consumer",
            attributes={
                "driftline.model.version": champion.version,
                "driftline.champion.sequence": champion.sequence,
            },
        )


class LoopTraces:
    """Satisfies `driftline.service.loop.Tracing` for services that write drift events, jobs and verdicts."""

    def __init__(self, topics: Topics, identity: Identity, spans: Spans) -> None:
        loop = LoopIdentity(identity)
        self._spans, self._waiting = spans, list[Span]()
        self._told: dict[str, Callable[[bytes], Span]] = {
            topics.drift_events: lambda value: loop.of_drift(DriftEvent.from_json(value)),
            topics.retraining_jobs: lambda value: loop.of_job(RetrainingJob.from_json(value)),
            topics.model_events: lambda value: loop.of_verdict(ModelEvent.from_json(value)),
        }

    def read(self, batches: Sequence[Batch]) -> None:
        """The loop's records name what they belong to themselves."""

    def sending(self, outputs: Sequence[Outgoing]) -> list[Outgoing]:
        self._waiting = []
        return [self._marked(out) for out in outputs]

    def committed(self) -> None:
        self._spans.take(self._waiting)
        self._waiting = []

    def _marked(self, out: Outgoing) -> Outgoing:
        if (told := self._told.get(out.topic)) is None:
            return out
        spans = {row: told(value) for row, value in enumerate(out.values) if value is not None}
        self._waiting += spans.values()
        return replace(out, each={row: span.context.headers() for row, span in spans.items()})
