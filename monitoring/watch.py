"""The detectors of one model version, made together when it is installed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from driftline.records.loop import DriftKind
from driftline.registry.reference import Reference
from driftline.spec.stream import StreamSpec
from monitoring.budget import budget_of
from monitoring.class_estimate import ClassEstimate, ClassEstimateState
from monitoring.concept.by_answer import AnswerMonitor, AnswersState
from monitoring.concept.e_detector import EDetector
from monitoring.concept.finding import ConceptFinding, ConceptState
from monitoring.concept.monitor import ConceptMonitor
from monitoring.distribution.blocks import BlocksState, SlidingBlocks
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.past import Past, PastState
from monitoring.distribution.prediction import PredictionMonitor
from monitoring.distribution.prior import PriorMonitor
from monitoring.distribution.window_monitor import WindowMonitor
from monitoring.estimate import AccuracyEstimate, EstimateState
from monitoring.events.lifecycle import CaseState, Lifecycle
from monitoring.labels.casebook import Casebook
from monitoring.labels.history import Moment
from monitoring.labels.segment_values import DEVICE
from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import Ledger, part_of
from monitoring.store.rolling import RollingState

# Onsets remembered. A policy asks for those of events that stand or wait; for an older one the event's own time does.
_ONSETS = 256


class _WatchState(msgspec.Struct):
    version: int
    sequence: int
    events: dict[DriftKind, str]
    onsets: dict[str, Moment]
    concept: ConceptState
    data: BlocksState
    prediction: BlocksState
    # What a state of an older version lacks starts empty.
    prior: BlocksState | None = None
    cases: RollingState | None = None
    segments: list[str] = []
    feature_devices: RollingState | None = None
    answer_devices: RollingState | None = None
    events_told: list[CaseState] = []
    past: PastState | None = None
    past_errors: PastState | None = None
    cases_from: int = 0
    estimate: EstimateState | None = None
    answers: AnswersState | None = None
    classes: ClassEstimateState | None = None


class Watch:
    """Everything that is judged against one version's reference. A new version gets a new watch: its own promotion is
    never drift.

    Parameters
    ----------
    spec : the stream.
    version : the version in service.
    reference : what training wrote beside it.
    sequence : which change of champion put it into service.

    Raises
    ------
    UsageError : the reference is of other features than the stream's.
    """

    def __init__(self, spec: StreamSpec, version: int, reference: Reference, sequence: int = 0) -> None:
        policy = spec.monitoring.policy
        self.version = version
        self.sequence = sequence
        self.reference = reference
        self.data = DataMonitor(spec, reference)
        self.prediction = PredictionMonitor(spec, reference)
        self.prior = PriorMonitor(spec, reference)
        self._segments = [name for name in spec.monitoring.segments if name != DEVICE]
        self.casebook = Casebook(spec, policy.maximum_window, len(self._segments))
        self.lifecycle = Lifecycle(spec.monitoring.update_records)
        self.past = Past("past", spec.monitoring.data.minimum_psi)
        """How the features looked in drifts that are over."""
        self.past_errors = Past("past-errors", spec.monitoring.data.minimum_psi)
        """Which classes were taken for which in rises of the error that are over."""
        budget = budget_of(spec.monitoring)
        # Who chose one of river's detectors gets that one, with the whole share.
        self._asks_each_answer = spec.monitoring.concept.detector == EDetector.name
        self.concept = ConceptMonitor(
            spec.monitoring.concept,
            capacity=policy.maximum_window,
            cool_down=policy.cool_down_records,
            error_rate=reference.error_rate,
            held_out_rows=reference.held_out_rows,
            share=budget.concept if self._asks_each_answer else budget.concept + budget.answers,
        )
        self.estimate = AccuracyEstimate(reference, spec.monitoring.accuracy_window)
        self.classes = ClassEstimate(spec, reference, spec.monitoring.accuracy_window)
        self.answers = AnswerMonitor(spec.monitoring.concept, capacity=policy.maximum_window, share=budget.answers)
        self.events: dict[DriftKind, str] = {}
        """Standing events: kind → id."""
        self.onsets: dict[str, Moment] = {}
        """Onset of each event of this watch, by its id."""
        self._stored = False

    @property
    def standing(self) -> dict[DriftKind, bool]:
        return {
            DriftKind.CONCEPT: self.concept.standing is not None or self.answers.standing is not None,
            DriftKind.DATA: self.data.standing,
            DriftKind.PREDICTION: self.prediction.standing,
            DriftKind.PRIOR: self.prior.standing,
        }

    def judge(
        self, wrong: NDArray[np.bool_], answers: NDArray[Any], times: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> list[ConceptFinding]:
        """Take outcomes of this version in order of arrival: is it wrong more often, in all or where it says one thing?

        One change is one event: while one of the two stands the other is silent, but that a rise of one answer has
        reached all of them is told, as the same event.

        Parameters
        ----------
        answers : class codes int64 [n]; with masks bool [n, K] only all answers together are judged.
        wrong, times, numbers : as for `monitoring.concept.ConceptMonitor.update`.
        """
        findings = self.concept.update(wrong, times, numbers)
        if findings or self.concept.standing is not None:
            known = self.answers.standing
            self.answers.forget()
            if known is not None and findings:
                severity = "alarm" if known.severity == "alarm" else findings[0].severity
                findings[0] = replace(findings[0], escalated=True, severity=severity)
            return findings
        if not self._asks_each_answer or answers.ndim > 1:
            return findings
        finding = self.answers.update(wrong, answers, times, numbers)
        return findings if finding is None else [finding]

    def monitor(self, kind: DriftKind) -> WindowMonitor:
        """Who watches for drift of a kind; of every kind but concept."""
        monitors: dict[DriftKind, WindowMonitor] = {
            DriftKind.DATA: self.data,
            DriftKind.PREDICTION: self.prediction,
            DriftKind.PRIOR: self.prior,
        }
        return monitors[kind]

    def window(self, kind: DriftKind) -> SlidingBlocks:
        """The window in which drift of a kind is looked for; of every kind but concept."""
        return self.monitor(kind).window

    def seen(self, kind: DriftKind) -> int:
        """Records of a kind seen so far, by which the life of its events is counted."""
        if kind is DriftKind.DATA:
            return self.data.devices.total
        return self.prediction.devices.total if kind is DriftKind.PREDICTION else self.casebook.total

    def told(self, kind: DriftKind, event_id: str, onset: Moment) -> None:
        """An event of this watch was told, and stands."""
        self.events[kind] = event_id
        self.onsets[event_id] = onset
        while len(self.onsets) > _ONSETS:
            del self.onsets[next(iter(self.onsets))]

    def snapshot(self, ledger: Ledger) -> None:
        """Put the parts watch, reference/VERSION, concept, data and prediction into the ledger, as far as changed."""
        reference = f"reference/{self.version}"
        if self._stored:
            ledger.keep(reference)
        else:
            ledger.put(reference, pack(self.reference.model_dump()))
            self._stored = True
        state = _WatchState(
            version=self.version,
            sequence=self.sequence,
            events=self.events,
            onsets=self.onsets,
            concept=self.concept.snapshot(ledger),
            data=self.data.snapshot(ledger),
            prediction=self.prediction.snapshot(ledger),
            prior=self.prior.snapshot(ledger),
            estimate=self.estimate.snapshot(ledger),
            classes=self.classes.snapshot(ledger),
            cases=self.casebook.snapshot(ledger),
            segments=self._segments,
            feature_devices=self.data.devices.snapshot(ledger, "data-devices"),
            answer_devices=self.prediction.devices.snapshot(ledger, "prediction-devices"),
            events_told=self.lifecycle.snapshot(),
            past=self.past.snapshot(ledger),
            past_errors=self.past_errors.snapshot(ledger),
            cases_from=self.casebook.first,
            answers=self.answers.snapshot(ledger),
        )
        ledger.put("watch", pack(state))

    @classmethod
    def restored(cls, spec: StreamSpec, parts: Mapping[str, bytes]) -> "tuple[Watch, list[str]]":
        """The watch of a snapshot, and what of it could not be taken over as it was.

        Raises
        ------
        DamagedState : a part is missing or does not fit.
        UsageError : its reference is of other features than the stream's.
        """
        state, _ = unpack("watch", part_of(parts, "watch"), _WatchState)
        reference = stored_reference(f"reference/{state.version}", parts)
        watch = cls(spec, state.version, reference, state.sequence)
        watch.events, watch.onsets, watch._stored = state.events, state.onsets, True
        notes = []
        if not watch.concept.restore(state.concept, parts):
            notes.append(
                f"the detector is another ({watch.concept.detector}) or of another version: made anew from the outcomes"
            )
        if state.answers is not None:
            watch.answers.restore(state.answers, parts)
        if not (watch.data.restore(state.data, parts) & watch.prediction.restore(state.prediction, parts)):
            notes.append(
                "monitoring.data.window or multivariate is another: the windows of features and answers start afresh"
            )
        watch._restore_later_parts(state, parts)
        return watch, notes

    def _restore_later_parts(self, state: _WatchState, parts: Mapping[str, bytes]) -> None:
        """What the first versions did not keep."""
        if state.estimate is not None:
            self.estimate.restore(state.estimate, parts)
        if state.classes is not None:
            self.classes.restore(state.classes, parts)
        if state.prior is not None and self.prior.watching:
            self.prior.restore(state.prior, parts)
        if state.cases is not None and state.segments == self._segments:
            self.casebook.restore(state.cases, parts)
            self.casebook.first = state.cases_from
        if state.feature_devices is not None:
            self.data.devices.restore(state.feature_devices, parts, "data-devices")
        if state.answer_devices is not None:
            self.prediction.devices.restore(state.answer_devices, parts, "prediction-devices")
        if state.past is not None:
            self.past.restore(state.past, parts)
        if state.past_errors is not None:
            self.past_errors.restore(state.past_errors, parts)
        self.lifecycle.restore(state.events_told)

    def over(self) -> list[str]:
        """Ids of the events that have ended since the last call."""
        standing = self.standing
        ended = {kind: event for kind, event in self.events.items() if not standing[kind]}
        for kind in ended:
            del self.events[kind]
        return list(ended.values())


def stored_reference(name: str, parts: Mapping[str, bytes]) -> Reference:
    """The reference that a part holds. Raises DamagedState."""
    values, _ = unpack(name, part_of(parts, name), dict)
    try:
        return Reference.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DamagedState(f"monitor state, part {name}: {first['msg']}") from error
