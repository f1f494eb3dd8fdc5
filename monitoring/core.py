"""The monitor's core: features, predictions and labels in, drift events and retraining jobs out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.records.loop import DriftEvent, DriftKind, ModelEvent, Position, RetrainingJob, Window
from driftline.registry.reference import Reference
from driftline.service.core import Step
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded, FeatureDecoder
from driftline.wire.labels import decode_labels
from driftline.wire.predictions import Predictions, decode_predictions
from monitoring.blocks import BlockFinding
from monitoring.concept import ConceptFinding
from monitoring.data import DataMonitor
from monitoring.events import concept_event, distribution_event
from monitoring.history import History, Moment
from monitoring.join import LabelJoin, Outcomes
from monitoring.policy import Ask, Policy, RetrainingPolicy
from monitoring.prediction import PredictionMonitor
from monitoring.redelivery import Redelivery
from monitoring.state import MonitorState
from monitoring.watch import Watch

# Versions whose own accuracy is remembered; as many as a registry keeps by default.
_VERSIONS = 20


class MonitorCore:
    """Composes the join, the detectors and the policy; satisfies `driftline.service.core.Core`.

    The same calls give the same outputs. Records read again after an aborted commit are not counted again, while
    the events and jobs they had raised are sent again, with the same ids.

    Parameters
    ----------
    spec : the stream.
    policy : when drift becomes a retraining job; by default `RetrainingPolicy`.
    """

    def __init__(self, spec: StreamSpec, policy: Policy | None = None) -> None:
        self._spec = spec
        self._topics = spec.topics
        self._decoder = FeatureDecoder(spec)
        self._policy: Policy = policy or RetrainingPolicy(spec.monitoring.policy)
        self._held: set[TopicPartition] = set()
        self._redelivery = Redelivery()
        self._join = LabelJoin(spec)
        self._history = History(max(spec.monitoring.policy.maximum_window, spec.monitoring.accuracy_window))
        self._watch: Watch | None = None
        self._last: tuple[str, int] | None = None
        self._by_version: dict[int, tuple[int, int]] = {}
        self._events: Counter[tuple[str, str]] = Counter()
        self._malformed = 0

    # -- what the service loop calls ----------------------------------------------------------------------------

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        """Take batches of the topics features, predictions and labels, in any order.

        Within one call records are taken in the order of their event times: partitions are read one after another,
        but the world moved in all of them at once.
        """
        fresh, outputs = self._redelivery.fresh(batches)
        found: list[DriftEvent] = []
        if features := [b for b in fresh if b.topic == self._topics.features]:
            found += self._take_features(self._decoder.decode(features, now_ms), now_ms)
        early: Outcomes | None = None
        if predictions := [b for b in fresh if b.topic == self._topics.predictions]:
            decoded = decode_predictions(predictions, len(self._spec.classes))
            self._malformed += decoded.malformed
            found += self._take_predictions(decoded, now_ms)
            early = self._join.add_predictions(decoded, now_ms)
        joined: Outcomes | None = None
        if labels := [b for b in fresh if b.topic == self._topics.labels]:
            known = decode_labels(labels, self._spec.classes)
            self._malformed += len(known.malformed)
            joined = self._join.add_labels(known, now_ms)
        for outcomes in (early, joined):
            if outcomes is not None and len(outcomes):
                found += self._take_outcomes(outcomes.by_event_time(), now_ms)
        self._join.expire(now_ms)
        made = [self._announce(event) for event in found]
        made += self._ask(now_ms)
        self._redelivery.sent(fresh, made)
        return Step(outputs=outputs + made)

    def tick(self, now_ms: int) -> Step:
        """Gives up what has waited too long for its other half."""
        self._join.expire(now_ms)
        return Step()

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These topic partitions are now this member's; after a time without any, everything starts afresh."""
        if not self._held:
            self._start_afresh()
        self._redelivery.forget(partitions - self._held)
        self._held |= partitions

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget what waits on these partitions, and what was read of them."""
        self._held -= partitions
        self._redelivery.forget(partitions)
        self._join.drop({p for topic, p in partitions if topic in (self._topics.predictions, self._topics.labels)})

    # -- what the shell calls between batches -------------------------------------------------------------------

    def install(self, version: int, reference: Reference) -> None:
        """This version is now in service: watch it, against its own reference, from the beginning.

        Outcomes of other versions count for accuracy but are not shown to the detectors.

        Raises
        ------
        UsageError : the reference is of other features than the stream's.
        """
        before = self._watch.version if self._watch is not None else 0
        self._watch = Watch(self._spec, version, reference)
        self._policy.installed(version)
        if version > before:
            # It may have answered records before this monitor heard of it. A version put back into service is
            # another matter: its old answers are not of this time.
            wrong, times, numbers = self._history.of_version(version)
            self._watch.concept.update(wrong, times, numbers)

    def observe(self, event: ModelEvent) -> None:
        """Something happened to a version: the policy wants to know."""
        self._policy.happened(event, self._history.total)

    @property
    def version(self) -> int | None:
        """The version watched."""
        return self._watch.version if self._watch is not None else None

    def state(self) -> MonitorState:
        """The monitor in numbers, now."""
        watch, lags = self._watch, self._join.lag_percentiles(50, 95)
        jobs: dict[str, int] = {}
        if isinstance(self._policy, RetrainingPolicy):
            jobs = {**asdict(self._policy.jobs), "open": int(self._policy.open is not None)}
        return MonitorState(
            version=self.version,
            accuracy=1.0 - self._history.error_rate(self._spec.monitoring.accuracy_window),
            accuracy_by_version=dict(self._by_version),
            labelled=self._history.total,
            error_rate=watch.concept.error_rate if watch else float("nan"),
            suspecting=watch.concept.suspecting if watch else False,
            standing=tuple(kind.value for kind, stands in watch.standing.items() if stands) if watch else (),
            join=replace(self._join.counts),
            waiting_predictions=self._join.waiting_predictions,
            waiting_labels=self._join.waiting_labels,
            lag_histogram=tuple(self._join.lag_histogram.tolist()),
            lag_sum_ms=self._join.lag_sum_ms,
            lag_p50_ms=lags[0],
            lag_p95_ms=lags[1],
            feature_scores=watch.data.scores if watch else {},
            prediction_scores=watch.prediction.scores if watch else {},
            events=dict(self._events),
            jobs=jobs,
            malformed=self._malformed,
        )

    # -- inside -------------------------------------------------------------------------------------------------

    def _take_features(self, features: Decoded, now_ms: int) -> list[DriftEvent]:
        watch = self._watch
        if watch is None:
            return []
        findings = watch.data.update(features, *self._ends())
        return [self._distribution_event(DriftKind.DATA, watch, finding, watch.data, now_ms) for finding in findings]

    def _take_predictions(self, predictions: Predictions, now_ms: int) -> list[DriftEvent]:
        watch = self._watch
        if watch is None:
            return []
        findings = watch.prediction.update(predictions, predictions.model_versions == watch.version, *self._ends())
        return [
            self._distribution_event(DriftKind.PREDICTION, watch, finding, watch.prediction, now_ms)
            for finding in findings
        ]

    def _take_outcomes(self, outcomes: Outcomes, now_ms: int) -> list[DriftEvent]:
        numbers = self._history.append(outcomes)
        self._last = (outcomes.record_ids[-1], int(outcomes.event_time[-1]))
        for version in np.unique(outcomes.model_version).tolist():
            own = outcomes.model_version == version
            seen, right = self._by_version.pop(version, (0, 0))
            self._by_version[version] = (seen + int(own.sum()), right + int(outcomes.correct[own].sum()))
            while len(self._by_version) > _VERSIONS:
                del self._by_version[next(iter(self._by_version))]
        watch = self._watch
        if watch is None:
            return []
        own = outcomes.model_version == watch.version
        findings = watch.concept.update(~outcomes.correct[own], outcomes.event_time[own], numbers[own])
        return [self._concept_event(watch, finding, now_ms) for finding in findings]

    def _concept_event(self, watch: Watch, finding: ConceptFinding, now_ms: int) -> DriftEvent:
        place = self._history.place(finding.onset, *self._ends())
        event = concept_event(
            finding,
            place,
            watch.data.blame_since(finding.onset.event_time),
            stream=self._spec.stream,
            detector=watch.concept.detector,
            version=watch.version,
            detected=self._here(),
            now_ms=now_ms,
            identity=watch.events.get(DriftKind.CONCEPT) if finding.escalated else None,
        )
        watch.onsets[event.event_id] = finding.onset
        watch.events[DriftKind.CONCEPT] = event.event_id
        return event

    def _distribution_event(
        self,
        kind: DriftKind,
        watch: Watch,
        finding: BlockFinding,
        monitor: DataMonitor | PredictionMonitor,
        now_ms: int,
    ) -> DriftEvent:
        event = distribution_event(
            kind,
            finding,
            monitor.blame(finding),
            stream=self._spec.stream,
            detector=monitor.detector,
            version=watch.version,
            detected=self._here(),
            now_ms=now_ms,
        )
        watch.onsets[event.event_id] = Moment(finding.onset.event_time)
        watch.events[kind] = event.event_id
        return event

    def _announce(self, event: DriftEvent) -> Outgoing:
        self._events[(event.kind.value, event.severity)] += 1
        self._policy.drifted(event)
        return Outgoing(self._topics.drift_events, [event.to_json()], [event.event_id.encode()])

    def _ask(self, now_ms: int) -> list[Outgoing]:
        watch = self._watch
        if watch is None:
            return []
        for ended in watch.over():
            self._policy.over(ended)
        ask = self._policy.due(self._history.total, lambda event: self._history.count_since(self._onset(event)))
        if ask is None:
            return []
        job = self._job(ask, watch, now_ms)
        return [Outgoing(self._topics.retraining_jobs, [job.to_json()], [job.job_id.encode()])]

    def _job(self, ask: Ask, watch: Watch, now_ms: int) -> RetrainingJob:
        """The job, with everything from the onset until now as its window, as far back as is remembered."""
        feature_ends, label_ends = self._ends()
        place = self._history.place(self._onset(ask.event), feature_ends, label_ends)
        features = {p: (place.features.get(p, end), end) for p, end in feature_ends.items()}
        labels = {p: (place.labels.get(p, end), end) for p, end in label_ends.items()}
        again = f" (attempt {ask.attempt})" if ask.attempt > 1 else ""
        return RetrainingJob(
            job_id=ask.job_id,
            stream=self._spec.stream,
            requested_by="policy",
            reason=f"{ask.event.kind.value} drift, {ask.event.severity}{again}: {ask.event.summary}",
            requested_at=now_ms,
            drift_event_id=ask.event.event_id,
            champion_version=watch.version,
            window=Window(features=features, labels=labels),
            labelled_records=self._history.labelled_within(features, labels),
        )

    def _onset(self, event: DriftEvent) -> Moment:
        known = self._watch.onsets.get(event.event_id) if self._watch is not None else None
        return known or Moment(event.onset.event_time or 0)

    def _here(self) -> Position:
        features, labels = self._ends()
        record_id, event_time = self._last or (None, None)
        return Position(record_id=record_id, event_time=event_time, features=features, labels=labels)

    def _ends(self) -> tuple[dict[int, int], dict[int, int]]:
        return self._redelivery.ends(self._topics.features), self._redelivery.ends(self._topics.labels)

    def _start_afresh(self) -> None:
        """Another member may have watched in between, so what is remembered has a hole in it."""
        self._history.clear()
        if self._watch is not None:
            self.install(self._watch.version, self._watch.reference)
