"""The monitor's core: features, predictions and labels in, drift events and retraining jobs out."""

from collections.abc import Mapping, Sequence

import numpy as np

from driftline.errors import DriftlineError
from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.records.acts import Act, ActKind
from driftline.records.loop import DriftEvent, DriftKind, ModelEvent
from driftline.registry.reference import Reference
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded, FeatureDecoder
from driftline.wire.labels import decode_labels
from driftline.wire.predictions import Predictions, decode_predictions
from monitoring.events.telling import Telling
from monitoring.labels.outcomes import Outcomes
from monitoring.memory import Memory
from monitoring.news import Announced, News
from monitoring.policy.decision import RetrainingPolicy
from monitoring.policy.interface import Policy
from monitoring.policy.jobs import retraining_job
from monitoring.state import MonitorState
from monitoring.store.ledger import Ledger


class MonitorCore:
    """Composes the join, the detectors and the policy; satisfies `driftline.service.core.Stateful`.

    The same calls give the same outputs, also if the state is taken out in between and put into another core. What the
    model follower said (`install`, `observe`) is no part of the state: it is kept beside it, and a restored core hears
    it again, where what it knows already changes nothing.

    Parameters
    ----------
    spec : the stream.
    policy : when drift becomes a retraining job; by default `RetrainingPolicy`.

    Attributes
    ----------
    restores : how often `restore` was called.
    restore_notes : what the newest restore could not take over as it was, in sentences for a log.
    """

    def __init__(self, spec: StreamSpec, policy: Policy | None = None) -> None:
        self._spec = spec
        self._topics = spec.topics
        self._decoder = FeatureDecoder(spec)
        self._policy: Policy = policy or RetrainingPolicy(spec.monitoring.policy, spec.rollout.recall)
        self._new_policy = self._policy.snapshot()
        self._memory = Memory(spec, self._policy)
        self._news = News()
        self._ledger = Ledger()
        self.restores = 0
        self.restore_notes: list[str] = []

    # -- what the service loop calls ----------------------------------------------------------------------------

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        """Take batches of the topics features, predictions and labels, in any order.

        Within one call records are taken in the order of their event times: partitions are read one after another,
        but the world moved in all of them at once.
        """
        memory = self._memory
        fresh = memory.ends.fresh(batches)
        telling = Telling(self._spec, memory, now_ms)
        found = telling.waiting()
        if features := [b for b in fresh if b.topic == self._topics.features]:
            found += self._take_features(self._decoder.decode(features, now_ms), telling)
        early: Outcomes | None = None
        if predictions := [b for b in fresh if b.topic == self._topics.predictions]:
            decoded = decode_predictions(predictions, len(self._spec.classes))
            memory.books.malformed += decoded.malformed
            found += self._take_predictions(decoded, telling)
            early = memory.join.add_predictions(decoded, now_ms)
        joined: Outcomes | None = None
        if labels := [b for b in fresh if b.topic == self._topics.labels]:
            known = decode_labels(labels, self._spec.classes)
            memory.books.malformed += len(known.malformed)
            joined = memory.join.add_labels(known, now_ms)
        for outcomes in (early, joined):
            if outcomes is not None and len(outcomes):
                found += self._take_outcomes(outcomes.by_event_time(), telling)
        memory.join.expire(now_ms)
        if memory.watch is not None:
            found += telling.later(memory.watch)
        return Step(outputs=self._announce(found) + self._ask(now_ms))

    def tick(self, now_ms: int) -> Step:
        """Gives up what has waited too long for its other half, and closes events that ended with their version."""
        memory, champion = self._memory, self._news.champion
        memory.join.expire(now_ms)
        if champion is not None and memory.watch is not None and self._news.settled(memory.watch.sequence, now_ms):
            memory.follow(champion)
        return Step(outputs=self._announce(Telling(self._spec, memory, now_ms).waiting()))

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing to do: the loop restores the state that belongs to these partitions before it brings a record."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing to do: what is remembered is not committed any more, and replaced by the next `restore`."""

    def snapshot(self) -> dict[str, bytes | None]:
        """The parts of the state that changed since the last snapshot or restore; None for a part that is gone."""
        self._memory.snapshot(self._ledger)
        return self._ledger.close()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Become what these parts say, whatever this core was before; without parts, start afresh.

        Where the specification has changed since, what still fits is taken over, and `restore_notes` tells the rest.

        Raises
        ------
        DamagedState : the parts cannot be read; the core has then started afresh.
        """
        self.restores += 1
        self.restore_notes = []
        self._ledger.restored(parts)
        try:
            if parts:
                self._memory, self.restore_notes = Memory.restored(self._spec, self._policy, parts)
            else:
                self._forget()
        except DriftlineError:
            self._forget()
            raise
        finally:
            self._hear_again()

    def account(self) -> dict[str, int]:
        """Totals since the stream began, for people and for an independent checker.

        Predictions are outcomes, repeated, expired, evicted or still waiting; labels are outcomes, duplicates, orphans
        or still waiting. `reread` counts records that came a second time and were left out.
        """
        return self._memory.account()

    # -- what the shell calls between batches -------------------------------------------------------------------

    def install(self, version: int, reference: Reference, sequence: int = 0) -> None:
        """This version is now in service: watch it, against its own reference, from the beginning.

        Outcomes of other versions count for accuracy but are not shown to the detectors. To be told of the version that
        is watched already changes nothing, and nor does news older than what is watched, unless it stays like that for
        a minute: then the registry was made anew.

        Parameters
        ----------
        sequence : which change of champion this is.

        Raises
        ------
        UsageError : the reference is of other features than the stream's.
        """
        self._hear(Announced(version, reference, sequence))

    def observe(self, event: ModelEvent) -> None:
        """Something happened to a version: the policy wants to know. An event told again changes nothing."""
        self._news.heard(event)
        self._policy.happened(event, self._memory.history.total)

    def told(self, act: Act) -> None:
        """A person did something: 'pause' and 'resume' hold for the policy. An act told again changes nothing."""
        if (
            act.result == "done"
            and act.kind in (ActKind.PAUSE, ActKind.RESUME)
            and act.at > self._memory.books.paused_at
        ):
            self._memory.books.paused, self._memory.books.paused_at = act.kind is ActKind.PAUSE, act.at

    @property
    def version(self) -> int | None:
        """The version watched."""
        return self._memory.watch.version if self._memory.watch is not None else None

    def state(self) -> MonitorState:
        """The monitor in numbers, now."""
        return self._memory.state()

    # -- inside -------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._policy.restore(self._new_policy)
        self._memory = Memory(self._spec, self._policy)

    def _hear(self, champion: Announced) -> None:
        watch = self._memory.watch
        if watch is None or champion.sequence >= watch.sequence:
            self._memory.follow(champion)
        self._news.champion = champion

    def _hear_again(self) -> None:
        if self._news.champion is not None:
            self._hear(self._news.champion)
        for event in self._news.events():
            self._policy.happened(event, self._memory.history.total)

    def _take_features(self, features: Decoded, telling: Telling) -> list[DriftEvent]:
        watch = self._memory.watch
        self._memory.values.remember(features)
        if watch is None:
            return []
        findings = watch.data.update(features, *self._memory.ends_of_both())
        return [event for finding in findings for event in telling.distribution(watch, DriftKind.DATA, finding)]

    def _take_predictions(self, predictions: Predictions, telling: Telling) -> list[DriftEvent]:
        watch = self._memory.watch
        if watch is None:
            return []
        own = predictions.model_versions == watch.version
        watch.estimate.answered(predictions.confidences[own])
        findings = watch.prediction.update(predictions, own, *self._memory.ends_of_both())
        return [event for finding in findings for event in telling.distribution(watch, DriftKind.PREDICTION, finding)]

    def _take_outcomes(self, outcomes: Outcomes, telling: Telling) -> list[DriftEvent]:
        memory, watch = self._memory, self._memory.watch
        numbers = memory.history.append(outcomes)
        memory.books.outcomes(outcomes)
        if watch is None:
            return []
        own = np.flatnonzero(outcomes.model_version == watch.version)
        watch.estimate.judged(outcomes.confidence[own], outcomes.correct[own])
        values = memory.values.recall(outcomes.source_partition[own], outcomes.source_offset[own])
        watch.casebook.append(outcomes, own, numbers[own], values)
        told: list[DriftEvent] = []
        wrong, answers = ~outcomes.correct[own], outcomes.answers[own]
        for finding in watch.judge(wrong, answers, outcomes.event_time[own], numbers[own]):
            told += telling.concept(watch, finding)
        for changed in watch.prior.update(outcomes, own, *memory.ends_of_both()):
            told += telling.distribution(watch, DriftKind.PRIOR, changed)
        return told

    def _announce(self, found: Sequence[DriftEvent]) -> list[Outgoing]:
        told: list[Outgoing] = []
        for event in found:
            if event.counts:
                self._memory.books.event(event.kind.value, event.severity)
            if event.state != "closed":
                self._policy.drifted(event)
            elif event.closed_because == "recovered":
                self._policy.over(event.event_id)
            if self._policy.tells(event):
                told.append(Outgoing(self._topics.drift_events, [event.to_json()], [event.event_id.encode()]))
        return told

    def _ask(self, now_ms: int) -> list[Outgoing]:
        memory, watch = self._memory, self._memory.watch
        if watch is None:
            return []
        for ended in watch.over():
            self._policy.over(ended)
        if memory.books.paused:
            return []
        ask = self._policy.due(
            memory.history.total,
            lambda event: memory.history.count_since(memory.onset(event)),
            now_ms,
            lambda version: memory.books.by_version.get(version, (0, 0)),
        )
        if ask is None:
            return []
        feature_ends, label_ends = memory.ends_of_both()
        job = retraining_job(
            ask,
            memory.history,
            memory.onset(ask.event) if ask.event is not None else None,
            stream=self._spec.stream,
            version=watch.version,
            feature_ends=feature_ends,
            label_ends=label_ends,
            now_ms=now_ms,
        )
        memory.books.jobs += 1
        for verdict in self._news.of_job(job.job_id):
            # Asked before, in a life of which nothing was committed: the trainer will not answer it again.
            self._policy.happened(verdict, memory.history.total)
        return [Outgoing(self._topics.retraining_jobs, [job.to_json()], [job.job_id.encode()])]
