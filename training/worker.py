"""The trainer's state machine: a job from the topic, a child that trains, exactly one verdict."""

import shutil
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from pydantic import ValidationError

from driftline.errors import DriftlineError
from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.records.loop import ModelEvent, ModelEventKind, RetrainingJob
from driftline.registry.errors import ChampionChanged
from driftline.registry.manifest import Manifest
from driftline.registry.registry import Registry
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec
from training.attempt import Attempt, Child
from training.child import TrainingChild
from training.data import Dataset
from training.job_log import JobLog
from training.messages import JobRequest, JobResult, Message
from training.npz import save_dataset
from training.origin import Origin
from training.patience import ASK_AGAIN_MS, Patience
from training.verdicts import Verdicts
from training.widening import wide_enough

log = structlog.get_logger()

Collect = Callable[[RetrainingJob, Callable[[], bool]], Dataset]
"""Reads a job's window and joins it; given what to ask whether to stop."""


# Versions offered for recall, newest first. Loading and scoring one takes 10-50 ms, so this is under a second; a world
# that comes back is nearly always one of the last few.
ARCHIVED = 10
# A child that dies without a verdict (out of memory, killed) is tried once more; twice is no accident.
ATTEMPTS = 2
_RETURNS = {"recalled": ModelEventKind.RECALLED, "rolled-back": ModelEventKind.ROLLED_BACK}


class TrainerCore:
    """Takes retraining jobs one after another; see `driftline.service.core.Core`.

    It never trains itself: a window is read on a thread, a model is made in a child process, and this object only asks
    how they are getting on, so that its member stays in its group however long that takes. A job's offset is
    committed with its verdict. Given a job again (its worker died), it looks in the registry first.

    Parameters
    ----------
    collect : reads a job's window from Kafka.
    registry_root : where the child finds the registry, absolute.
    child : makes what trains; by default a process.
    """

    def __init__(
        self,
        spec: StreamSpec,
        registry: Registry,
        registry_root: str,
        collect: Collect,
        child: Callable[[], Child] | None = None,
    ) -> None:
        self._spec, self._registry, self._root, self._collect = spec, registry, registry_root, collect
        self._child: Callable[[], Child] = child or TrainingChild
        self._judge = Verdicts(spec, registry)
        self._queue: deque[RetrainingJob] = deque()
        self._attempt: Attempt | None = None
        self._spare: Child = self._child()
        self._verdicts: list[Outgoing] = []
        self.verdicts: Counter[str] = Counter()
        self.malformed = 0
        self._patience = Patience(spec.training.timeout_seconds * 1_000)
        self.registry_failures = self._patience.failures
        self.progress: Message = {}
        self.log = JobLog()

    # -- what the service loop calls ----------------------------------------------------------------------------

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        for batch in batches:
            for offset, value in zip(batch.offsets, batch.values, strict=True):
                try:
                    job = RetrainingJob.from_json(value or b"")
                except ValidationError as error:
                    self.malformed += 1
                    log.error("not a retraining job", offset=offset, error=error.errors(include_url=False)[0]["msg"])
                    continue
                self._queue.append(job)
        return self.tick(now_ms)

    def tick(self, now_ms: int) -> Step:
        if self._attempt is not None:
            self._follow(self._attempt, now_ms)
        elif self._queue and not self._patience.holds(self._queue[0], now_ms):
            self._begin(self._queue.popleft(), now_ms)
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
        self._patience.forget()
        self._verdicts = []
        self._abandon()

    # -- what the shell calls -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End what is running; the job stays uncommitted and will be delivered again."""
        self._abandon()
        self._spare.kill()

    def wait(self) -> None:
        """Wait for the thread that reads the window, if one does."""
        if self._attempt is not None and self._attempt.collector is not None:
            self._attempt.collector.join()

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
            self._spare = self._child()

    def _begin(self, job: RetrainingJob, now_ms: int) -> None:
        try:
            champion = self._registry.champion()
            if (event := self._judge.already(job, champion)) is not None:
                log.info("job was answered before its worker ended", job=job.job_id, verdict=event.kind.value)
                self._verdict(event)
                return
        except DriftlineError as error:
            if not self._wait_to_begin(job, error, now_ms):
                self._verdict(self._judge.failed(job, now_ms, now_ms, f"the registry cannot be read: {error}"))
            return
        folder = Path(tempfile.mkdtemp(prefix="driftline-job-"))
        attempt = Attempt(job, champion, now_ms, folder)
        attempt.collector = threading.Thread(target=self._gather, args=(attempt,), name="gather", daemon=True)
        self._attempt = attempt
        self.progress = {"stage": "gather"}
        self.log = JobLog()
        self.log.say(f"taken, to learn from {job.labelled_records:,} labelled records", now_ms)
        log.info(
            "job taken",
            job=job.job_id,
            drift_event=job.drift_event_id,
            labelled=job.labelled_records,
            reason=job.reason,
        )
        attempt.collector.start()

    def _gather(self, attempt: Attempt) -> None:
        """On a thread: read the window. The result is one assignment, which `_follow` looks for."""
        try:
            # The job's window may become another one, so the job is set before the data that says all is there.
            attempt.job, dataset = wide_enough(
                self._spec, attempt.job, lambda job: self._collect(job, attempt.stopped.is_set)
            )
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
            self._end(self._judge.failed(job, now_ms, attempt.started, str(attempt.fault)))
            return
        if now_ms >= attempt.again:
            if attempt.result is not None:
                self._settle(attempt, attempt.result, now_ms)
            elif attempt.dataset is not None and attempt.child is None:
                try:
                    self._start_child(attempt, now_ms)
                except DriftlineError as error:
                    if not self._wait(attempt, error, now_ms):
                        self._end(self._judge.failed(job, now_ms, attempt.started, str(error)))
            if self._attempt is not attempt:
                return
        for message in attempt.child.poll() if attempt.child is not None else []:
            if "result" in message:
                self._settle(attempt, JobResult.model_validate(message["result"]), now_ms)
                return
            if "error" in message:
                self._mishap(attempt, message, now_ms)
                return
            self.progress = message
            self.log.note(message, now_ms)
        if now_ms - attempt.started > self._spec.training.timeout_seconds * 1000:
            limit = self._spec.training.timeout_seconds
            reason = f"ended after training.timeout_seconds ({limit} s)" + (attempt.away and f": {attempt.away}")
            self._end(self._judge.failed(job, now_ms, attempt.started, reason))

    def _start_child(self, attempt: Attempt, now_ms: int) -> None:
        champion = attempt.champion
        others = [v for v in self._registry.versions() if champion is None or v != champion.version]
        if attempt.job.action == "rollback":
            others = [v for v in others if v == attempt.job.target_version]
        request = JobRequest(
            action=attempt.job.action,
            spec=self._spec,
            data=str(attempt.folder / "data.npz"),
            registry=self._root,
            champion_version=champion.version if champion else None,
            archived=tuple(reversed(others[-ARCHIVED:])),
            out=str(attempt.out),
            origin=Origin.of_job(attempt.job, champion.version if champion else None, now_ms),
        )
        if attempt.dataset is not None and attempt.number == 1:
            self.log.say(f"{len(attempt.dataset):,} rows read; left out: {attempt.dataset.dropped}", now_ms)
        attempt.child, self._spare = self._spare, self._child()
        attempt.child.start(request)

    def _mishap(self, attempt: Attempt, message: Message, now_ms: int) -> None:
        """The child ended without a verdict: once more if that may have been an accident, else say so."""
        assert attempt.child is not None
        attempt.child.kill()
        if message.get("usage") or attempt.number >= ATTEMPTS:
            self._end(self._judge.failed(attempt.job, now_ms, attempt.started, message["error"]))
            return
        log.warning("the training process failed; once more", job=attempt.job.job_id, error=message["error"])
        self.log.say(f"the training process failed; once more: {message['error']}", now_ms)
        attempt.number += 1
        attempt.child = None  # the next turn starts another

    def _settle(self, attempt: Attempt, result: JobResult, now_ms: int) -> None:
        job = attempt.job
        seconds = round((now_ms - attempt.started) / 1000, 2)
        try:
            if result.kind == "refused":
                said = self._judge.refused(job, now_ms, result.reasons, result.metrics, seconds, trained=result.trained)
                self._end(said)
                return
            if (changed := self._changed(attempt)) is not None:
                self._end(self._judge.refused(job, now_ms, (changed,), result.metrics, seconds))
                return
            version, kind = result.version, _RETURNS.get(result.kind, ModelEventKind.PROMOTED)
            if result.manifest is not None:
                version = self._stored(attempt, result.manifest)
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
                expected=attempt.champion.sequence if attempt.champion else 0,
            )
        except ChampionChanged as error:
            event = self._judge.refused(job, now_ms, (str(error),), result.metrics, seconds)
        except DriftlineError as error:
            if self._wait(attempt, error, now_ms):
                attempt.result = result
                return
            event = self._judge.failed(job, now_ms, attempt.started, str(error))
        self._end(event)
        if event.kind.changes_champion:
            self._tidy()

    def _stored(self, attempt: Attempt, manifest: Manifest) -> int:
        if attempt.away and (made := self._registry.by_job(attempt.job.job_id)) is not None:
            return made.version  # it was stored, and only the answer got lost
        wish = manifest.model_copy(update={"version": self._registry.next_version()})
        return self._registry.add(attempt.out, wish).version

    # -- a registry that fails ------------------------------------------------------------------------------------

    def _wait(self, attempt: Attempt, error: DriftlineError, now_ms: int) -> bool:
        """Whether to ask the registry again: it is away, which may pass; a full disk is a verdict."""
        if not self._patience.lasts(error):
            return False
        if not attempt.away:
            log.warning("the registry is away; the job waits for it", job=attempt.job.job_id, error=str(error))
            self.log.say(f"the registry is away, and the job waits for it: {error}", now_ms)
        attempt.away, attempt.again = str(error), now_ms + ASK_AGAIN_MS
        return True

    def _wait_to_begin(self, job: RetrainingJob, error: DriftlineError, now_ms: int) -> bool:
        """The same before the job was begun: it may have been answered, which only the registry knows."""
        if not self._patience.for_job(job, error, now_ms):
            return False
        self._queue.appendleft(job)
        return True

    def _tidy(self) -> None:
        """The new version is in service, whether or not old ones can be removed."""
        try:
            self._registry.prune(self._spec.rollout.keep_versions)
        except DriftlineError as error:
            self._patience.count(error)
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

    def _verdict(self, event: ModelEvent) -> None:
        self.verdicts[event.kind.value] += 1
        self._verdicts.append(Outgoing(self._spec.topics.model_events, [event.to_json()], [event.key]))

    def _end(self, event: ModelEvent) -> None:
        log.info(
            "verdict",
            job=event.job_id,
            drift_event=event.drift_event_id,
            verdict=event.kind.value,
            version=event.version,
            reasons=event.reasons,
        )
        self._abandon()
        self._verdict(event.model_copy(update={"log": self.log.lines}))

    def _abandon(self) -> None:
        attempt, self._attempt = self._attempt, None
        self.progress = {}
        if attempt is None:
            return
        attempt.stopped.set()
        if attempt.child is not None:
            attempt.child.kill()
        shutil.rmtree(attempt.folder, ignore_errors=True)
