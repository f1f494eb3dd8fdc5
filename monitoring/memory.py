"""Everything the monitor remembers of the stream: taken apart into parts, and put together from them."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import msgspec

from driftline.records.loop import DriftEvent
from driftline.registry.reference import Reference
from driftline.spec.stream import StreamSpec
from monitoring.books import Books
from monitoring.distribution.recurrence import MOST_EARLIER
from monitoring.ends import Ends
from monitoring.estimate import Estimate, Reconciled
from monitoring.events.lifecycle import stored_event
from monitoring.labels.groups import Groups, groups
from monitoring.labels.history import History, Moment
from monitoring.labels.join import JoinState, LabelJoin
from monitoring.labels.segment_values import SegmentValues, SegmentValuesState
from monitoring.news import Announced
from monitoring.policy.decision import RetrainingPolicy
from monitoring.policy.interface import Policy
from monitoring.state import MonitorState
from monitoring.store.encoding import pack, unpack
from monitoring.store.ledger import Ledger, part_of
from monitoring.store.rolling import RollingState
from monitoring.watch import Watch, stored_reference


class _MemoryState(msgspec.Struct):
    """The small things of the whole; `model_hash` says for which task, classes and features."""

    model_hash: str
    books: Books
    ends: Ends
    join: JoinState
    history: RollingState
    watched: bool
    # What a state of an older version lacks starts empty.
    values: SegmentValuesState | None = None
    earlier: list[int] = []
    closings: list[dict[str, Any]] = []


class Memory:
    """What decides the monitor's next outputs, and nothing else.

    Parameters
    ----------
    spec : the stream.
    policy : when drift becomes a retraining job; as it was made, or as it was restored.
    """

    def __init__(self, spec: StreamSpec, policy: Policy) -> None:
        settings = spec.monitoring
        self._spec = spec
        self.policy = policy
        self.books = Books()
        self.ends = Ends()
        self.join = LabelJoin(spec)
        self.history = History(max(settings.policy.maximum_window, settings.accuracy_window))
        self.watch: Watch | None = None
        self.values = SegmentValues(spec)
        self.earlier: list[tuple[int, Reference]] = []
        """(version, reference) of the versions watched before, the newest last."""
        self.closings: list[DriftEvent] = []
        """Last records of events that ended with their version, not told yet."""
        self._written: set[int] = set()

    @classmethod
    def restored(cls, spec: StreamSpec, policy: Policy, parts: Mapping[str, bytes]) -> "tuple[Memory, list[str]]":
        """The memory of a snapshot, and what of it could not be taken over as it was, in sentences for a log.

        Raises
        ------
        DamagedState : a part is missing or cannot be read.
        """
        memory = cls(spec, policy)
        state, _ = unpack("core", part_of(parts, "core"), _MemoryState)
        same = state.model_hash == spec.model_hash
        memory.join.restore(state.join, parts, same_classes=same)
        memory.history.restore(state.history, parts)
        memory.policy.restore(part_of(parts, "policy"))
        memory.books, memory.ends = state.books, state.ends
        memory.closings = [stored_event("core", event) for event in state.closings]
        if not same:
            return memory, [
                "task, classes or features are others: waiting records are given up, and the watch of the model "
                "starts afresh"
            ]
        memory.earlier = [(version, stored_reference(f"earlier/{version}", parts)) for version in state.earlier]
        memory._written = set(state.earlier)
        if state.values is not None:
            memory.values.restore(state.values, parts)
        if not state.watched:
            return memory, []
        memory.watch, notes = Watch.restored(spec, parts)
        return memory, notes

    def snapshot(self, ledger: Ledger) -> None:
        """Put all parts into the ledger."""
        state = _MemoryState(
            model_hash=self._spec.model_hash,
            books=self.books,
            ends=self.ends,
            join=self.join.snapshot(ledger),
            history=self.history.snapshot(ledger),
            watched=self.watch is not None,
            values=self.values.snapshot(ledger),
            earlier=[version for version, _ in self.earlier],
            closings=[event.model_dump() for event in self.closings],
        )
        for version, reference in self.earlier:
            if version in self._written:
                ledger.keep(f"earlier/{version}")
            else:
                ledger.put(f"earlier/{version}", pack(reference.model_dump()))
        self._written = {version for version, _ in self.earlier}
        ledger.put("core", pack(state))
        ledger.put("policy", self.policy.snapshot())
        if self.watch is not None:
            self.watch.snapshot(ledger)

    def follow(self, champion: Announced) -> None:
        """Watch this version from now on, unless it is the one that is watched.

        Raises
        ------
        UsageError : the reference is of other features than the stream's.
        """
        before = self.watch
        if before is not None and (before.version, before.sequence, before.reference) == (
            champion.version,
            champion.sequence,
            champion.reference,
        ):
            return
        watch = Watch(self._spec, champion.version, champion.reference, champion.sequence)
        if before is not None:
            watch.concept.inherit(before.concept)
            self._end(before, champion.version)
        self.watch = watch
        self.policy.installed(champion.version)
        if champion.version > self.books.newest:
            # It may have answered records before this monitor heard of it. A version put back into service is
            # another matter: its old answers are not of this time, and the drift in them was told in theirs.
            self.books.newest = champion.version
            self.watch.concept.update(*self.history.of_version(champion.version))

    def _end(self, watch: Watch, successor: int) -> None:
        """Close what stands with this watch, and remember how the stream looked to it."""
        ended = [watch.lifecycle.close(kind, "new-version") for kind in watch.lifecycle.kinds]
        self.closings += [event for event in ended if event is not None]
        known = [one for one in self.earlier if one[0] not in (watch.version, successor)]
        self._written.discard(watch.version)
        if watch.version != successor:
            known.append((watch.version, watch.reference))
        self.earlier = known[-MOST_EARLIER:]

    def onset(self, event: DriftEvent) -> Moment:
        """Where the drift of an event began."""
        known = self.watch.onsets.get(event.event_id) if self.watch is not None else None
        return known or Moment(event.onset.event_time or 0)

    def ends_of_both(self) -> tuple[dict[int, int], dict[int, int]]:
        """Next offsets of features and of labels, by partition.

        A monitor that catches up may have read further in predictions and labels than in features: a record that was
        judged is there all the same, and belongs into the window of a job.
        """
        features = self.ends.of(self._spec.topics.features)
        for partition, end in self.books.judged.items():
            features[partition] = max(features.get(partition, 0), end)
        return features, self.ends.of(self._spec.topics.labels)

    def account(self) -> dict[str, int]:
        """Totals since the stream began; see `monitoring.core.MonitorCore.account`."""
        counts, books = self.join.counts, self.books
        return {
            "outcomes": counts.joined,
            "wrong": books.wrong,
            "predictions": counts.predictions,
            "labels": counts.labels,
            "duplicates": counts.duplicates,
            "repeated": counts.repeated,
            "orphans": counts.orphans,
            "expired": counts.expired,
            "evicted": counts.evicted,
            "malformed": books.malformed + counts.malformed,
            "waiting_predictions": self.join.waiting_predictions,
            "waiting_labels": self.join.waiting_labels,
            "events": sum(books.events.values()),
            "jobs": books.jobs,
            "reread": self.ends.reread,
        }

    def state(self) -> MonitorState:
        """The monitor in numbers, now."""
        watch, lags = self.watch, self.join.lag_percentiles(50, 95)
        jobs: dict[str, int] = {}
        if isinstance(self.policy, RetrainingPolicy):
            jobs = {**asdict(self.policy.jobs), "open": int(self.policy.open is not None)}
        return MonitorState(
            version=watch.version if watch else None,
            accuracy=1.0 - self.history.error_rate(self._spec.monitoring.accuracy_window),
            accuracy_by_version=dict(self.books.by_version),
            labelled=self.history.total,
            error_rate=watch.concept.error_rate if watch else float("nan"),
            suspecting=watch.concept.suspecting if watch else False,
            standing=tuple(kind.value for kind, stands in watch.standing.items() if stands) if watch else (),
            join=replace(self.join.counts),
            waiting_predictions=self.join.waiting_predictions,
            waiting_labels=self.join.waiting_labels,
            lag_histogram=tuple(self.join.lag_histogram.tolist()),
            lag_sum_ms=self.join.lag_sum_ms,
            lag_p50_ms=lags[0],
            lag_p95_ms=lags[1],
            feature_scores=watch.data.scores if watch else {},
            prediction_scores=watch.prediction.scores if watch else {},
            events=dict(self.books.events),
            jobs=jobs,
            malformed=self.books.malformed,
            f1=self._f1(watch) if watch else {},
            calibration_error=watch.estimate.calibration_error if watch else float("nan"),
            estimate=watch.estimate.now() if watch else Estimate(),
            reconciled=watch.estimate.reconciled if watch else Reconciled(),
            groups=self._groups(watch) if watch else {},
        )

    def _groups(self, watch: Watch) -> Groups:
        monitoring = self._spec.monitoring
        return groups(watch.casebook, self.values, monitoring.segments, monitoring.accuracy_window)

    def _f1(self, watch: Watch) -> dict[str, float]:
        by_code = watch.casebook.f1(self._spec.monitoring.accuracy_window)
        return {self._spec.classes[code]: value for code, value in by_code.items()}
