"""The trainer's state machine: a job from the topic, a child that trains, exactly one verdict."""

import shutil
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import ValidationError

from driftline.errors import DriftlineError
from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.records.loop import ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry.manifest import Champion
from driftline.registry.registry import Registry
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec
from training.child import TrainingChild
from training.data import Dataset
from training.messages import JobRequest, JobResult, Message, metrics_of
from training.npz import save_dataset
from training.origin import Origin

log = structlog.get_logger()

Collect = Callable[[RetrainingJob, Callable[[], bool]], Dataset]
"""Reads a job's window and joins it; given what to ask whether to stop."""

# Versions offered for recall, newest first. Loading and scoring one takes 10-50 ms, so this is under a second; a world
# that comes back is nearly always one of the last few.
ARCHIVED = 10
# A child that dies without a verdict (out of memory, killed) is tried once more; twice is no accident.
ATTEMPTS = 2


@dataclass(slots=True)
class Attempt:
    """One job under way."""

    job: RetrainingJob
    champion: Champion | None
    started: int
    folder: Path
    number: int = 1
    dataset: Dataset | None = None
    fault: DriftlineError | None = None
    child: TrainingChild | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    collector: threading.Thread | None = None

    @property
    def out(self) -> Path:
        return self.folder / f"model-{self.number}"


class TrainerCore:
    """Takes retraining jobs one after another; see `driftline.service.core.Core`.

    It never trains itself: a window is read on a thread, a model is made in a child process, and this object only asks
    how they are getting on, so that its member stays in its group however long that takes. A job's offset is
    committed with its verdict. Given a job again (its worker died), it looks in the registry first.

    Parameters
    ----------
    collect : reads a job's window from Kafka.
    registry_root : where the child finds the registry, absolute.
    """

    def __init__(self, spec: StreamSpec, registry: Registry, registry_root: str, collect: Collect) -> None:
        self._spec, self._registry, self._root, self._collect = spec, registry, registry_root, collect
        self._queue: deque[RetrainingJob] = deque()
        self._attempt: Attempt | None = None
        self._spare = TrainingChild()
        self._verdicts: list[Outgoing] = []
        self.verdicts: Counter[str] = Counter()
        self.malformed = 0
        self.progress: Message = {}

    # -- what the service loop calls ----------------------------------------------------------------------------

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        for batch in batches:
            for offset, value in zip(batch.offsets, batch.values, strict=True):
                try:
                    job = RetrainingJob.from_json(value or b"")
                except ValidationError as error:
                    self.malformed += 1
                    log.error("not a retraining job", offset=offset, error=str(error.errors(include_url=False)[0]))
                    continue
                self._queue.append(job)
        return self.tick(now_ms)

    def tick(self, now_ms: int) -> Step:
        if self._attempt is None and self._queue:
            self._begin(self._queue.popleft(), now_ms)
        if self._attempt is not None:
            self._follow(self._attempt, now_ms)
        else:
            self._keep_warm()
        if self._attempt is not None or self._queue:
            return Step(busy=True)
        verdicts, self._verdicts = self._verdicts, []
        return Step(verdicts)

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Jobs arrive with the first poll."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """The jobs in hand are another member's now: stop, and say nothing."""
        self._queue.clear()
        self._verdicts = []
        self._abandon()

    # -- what the shell calls -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End what is running; the job stays uncommitted and will be delivered again."""
        self._abandon()
        self._spare.kill()

    @property
    def busy(self) -> str | None:
        """The job under way."""
        return self._attempt.job.job_id if self._attempt else None

    @property
    def warm(self) -> bool:
        """Whether a child with TensorFlow in memory waits."""
        return self._spare.ready

    # -- one job ------------------------------------------------------------------------------------------------

    def _keep_warm(self) -> None:
        """One child with TensorFlow in memory waits; if it dies waiting, another one is started.

        Not while a training runs: importing TensorFlow beside it would cost it a core for several seconds.
        """
        self._spare.warm()
        for message in self._spare.poll():
            log.warning("the waiting training process ended", error=message.get("error"))
            self._spare = TrainingChild()

    def _begin(self, job: RetrainingJob, now_ms: int) -> None:
        try:
            champion = self._registry.champion()
            if (event := self._already(job, champion)) is not None:
                log.info("job was answered before its worker ended", job=job.job_id, verdict=event.kind.value)
                self._verdict(event)
                return
        except DriftlineError as error:
            self._verdict(self._failed(job, now_ms, now_ms, f"the registry cannot be read: {error}"))
            return
        folder = Path(tempfile.mkdtemp(prefix="driftline-job-"))
        attempt = Attempt(job, champion, now_ms, folder)
        attempt.collector = threading.Thread(target=self._gather, args=(attempt,), name="gather", daemon=True)
        self._attempt = attempt
        self.progress = {"stage": "gather"}
        log.info("job taken", job=job.job_id, labelled=job.labelled_records, reason=job.reason)
        attempt.collector.start()

    def _gather(self, attempt: Attempt) -> None:
        """On a thread: read the window. The result is one assignment, which `_follow` looks for."""
        try:
            dataset = self._collect(attempt.job, attempt.stopped.is_set)
            save_dataset(attempt.folder / "data.npz", dataset)
            attempt.dataset = dataset
        except DriftlineError as error:
            attempt.fault = error
        except Exception as error:  # anything else would leave the job waiting for ever
            log.exception("the window could not be read", job=attempt.job.job_id)
            attempt.fault = DriftlineError(f"{type(error).__name__}: {error}")

    def _follow(self, attempt: Attempt, now_ms: int) -> None:
        job = attempt.job
        if attempt.fault is not None:
            self._end(self._failed(job, now_ms, attempt.started, str(attempt.fault)))
            return
        if attempt.dataset is not None and attempt.child is None:
            try:
                self._start_child(attempt, now_ms)
            except DriftlineError as error:
                self._end(self._failed(job, now_ms, attempt.started, str(error)))
                return
        for message in attempt.child.poll() if attempt.child is not None else []:
            if "result" in message:
                self._settle(attempt, JobResult.model_validate(message["result"]), now_ms)
                return
            if "error" in message:
                self._mishap(attempt, message, now_ms)
                return
            self.progress = message
        if now_ms - attempt.started > self._spec.training.timeout_seconds * 1000:
            limit = self._spec.training.timeout_seconds
            self._end(self._failed(job, now_ms, attempt.started, f"ended after training.timeout_seconds ({limit} s)"))

    def _start_child(self, attempt: Attempt, now_ms: int) -> None:
        champion = attempt.champion
        others = [v for v in self._registry.versions() if champion is None or v != champion.version]
        request = JobRequest(
            spec=self._spec,
            data=str(attempt.folder / "data.npz"),
            registry=self._root,
            champion_version=champion.version if champion else None,
            archived=tuple(reversed(others[-ARCHIVED:])),
            out=str(attempt.out),
            origin=Origin.of_job(attempt.job, champion.version if champion else None, now_ms),
        )
        attempt.child, self._spare = self._spare, TrainingChild()
        attempt.child.start(request)

    def _mishap(self, attempt: Attempt, message: Message, now_ms: int) -> None:
        """The child ended without a verdict: once more if that may have been an accident, else say so."""
        assert attempt.child is not None
        attempt.child.kill()
        if message.get("usage") or attempt.number >= ATTEMPTS:
            self._end(self._failed(attempt.job, now_ms, attempt.started, message["error"]))
            return
        log.warning("the training process failed; once more", job=attempt.job.job_id, error=message["error"])
        attempt.number += 1
        self._start_child(attempt, now_ms)

    def _settle(self, attempt: Attempt, result: JobResult, now_ms: int) -> None:
        job = attempt.job
        seconds = round((now_ms - attempt.started) / 1000, 2)
        try:
            if result.kind == "refused":
                self._end(self._event(job, ModelEventKind.REFUSED, now_ms, result.reasons, result.metrics, seconds))
                return
            if (changed := self._changed(attempt)) is not None:
                self._end(self._event(job, ModelEventKind.REFUSED, now_ms, (changed,), result.metrics, seconds))
                return
            version, kind = result.version, ModelEventKind.RECALLED
            if result.manifest is not None:
                wish = result.manifest.model_copy(update={"version": self._registry.next_version()})
                version, kind = self._registry.add(attempt.out, wish).version, ModelEventKind.PROMOTED
            assert version is not None
            event = self._registry.set_champion(
                version,
                kind,
                now_ms=now_ms,
                job_id=job.job_id,
                drift_event_id=job.drift_event_id,
                reasons=result.reasons,
                metrics=result.metrics,
                seconds=seconds,
            )
        except DriftlineError as error:
            event = self._failed(job, now_ms, attempt.started, str(error))
        self._end(event)
        if event.kind.changes_champion:
            self._tidy()

    def _tidy(self) -> None:
        """The new version is in service, whether or not old ones can be removed."""
        try:
            self._registry.prune(self._spec.rollout.keep_versions)
        except DriftlineError as error:
            log.warning("old versions stay", error=str(error))

    def _changed(self, attempt: Attempt) -> str | None:
        """Why the verdict no longer counts: it was reached against a model that is not in service any more."""
        now = self._registry.champion()
        before, after = attempt.champion, now
        if (before.sequence if before else 0) == (after.sequence if after else 0):
            return None
        return (
            f"the model in service changed during the training, from version {before.version if before else 'none'} "
            f"to {after.version if after else 'none'}; the candidate was judged against the former"
        )

    def _already(self, job: RetrainingJob, champion: Champion | None) -> ModelEvent | None:
        """The verdict that an earlier worker reached on this job and could not announce, if it did."""
        for kind in ModelEventKind:
            if champion is not None and champion.event_id == f"{kind.value}-{job.job_id}":
                return self._again(job, champion.version, kind)
        made = self._registry.by_job(job.job_id)
        if made is None:
            return None
        if champion is not None and champion.previous_version == made.version:
            # An operator may have rolled it back: the job, delivered again, must not put it into service again.
            reason = f"version {made.version} was in service and has been replaced by version {champion.version}"
        elif (champion.version if champion else None) == made.replaced_version:
            return self._again(job, made.version, ModelEventKind.PROMOTED)
        else:
            reason = f"version {made.version} was stored, but another model was put into service before it was"
        return self._event(job, ModelEventKind.REFUSED, made.created_at, (reason,), {}, None)

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
    ) -> ModelEvent:
        return ModelEvent(
            event_id=f"{kind.value}-{job.job_id}",
            stream=self._spec.stream,
            kind=kind,
            previous_version=job.champion_version,
            job_id=job.job_id,
            drift_event_id=job.drift_event_id,
            at=now_ms,
            reasons=list(reasons),
            metrics=metrics,
            seconds=seconds,
        )

    def _failed(self, job: RetrainingJob, now_ms: int, started: int, reason: str) -> ModelEvent:
        log.error("training failed", job=job.job_id, error=reason)
        return self._event(job, ModelEventKind.FAILED, now_ms, (reason[:1_000],), {}, (now_ms - started) / 1000)

    def _verdict(self, event: ModelEvent) -> None:
        self.verdicts[event.kind.value] += 1
        self._verdicts.append(Outgoing(self._spec.topics.model_events, [event.to_json()], [event.key]))

    def _end(self, event: ModelEvent) -> None:
        log.info("verdict", job=event.job_id, verdict=event.kind.value, version=event.version, reasons=event.reasons)
        self._abandon()
        self._verdict(event)

    def _abandon(self) -> None:
        attempt, self._attempt = self._attempt, None
        self.progress = {}
        if attempt is None:
            return
        attempt.stopped.set()
        if attempt.child is not None:
            attempt.child.kill()
        shutil.rmtree(attempt.folder, ignore_errors=True)
