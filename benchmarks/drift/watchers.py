"""What watches a stream: driftline's monitors, river's detectors, and dummies."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.parts import Part, Setting, Watcher
from driftline.model.columns import Columns
from driftline.registry.reference import Reference, describe_features, describe_pairs
from driftline.spec.load import parse_spec
from driftline.spec.stream import StreamSpec
from driftline.wire.features import Decoded
from monitoring.distribution.data import DataMonitor
from monitoring.distribution.prior import PriorMonitor
from monitoring.labels.outcomes import Outcomes
from monitoring.watch import Watch

# Outcomes that reach the concept monitor at once; an alarm counts as raised at the last of them.
_STEP = 16
_DATA_STEP = 100


class Concept:
    """driftline's judgement of outcomes, on the defaults of a specification.

    After an alarm it stands until it has seen the recovery by itself, as in service while no new version comes.
    `driftline` are its alarms, `driftline-warnings` all that it says, each event once.
    """

    names = ("driftline", "driftline-warnings")

    def __init__(self, setting: Setting) -> None:
        spec = parse_spec(_document(setting))
        self._watch = Watch(spec, 1, _reference(setting, spec))
        self._alarmed = False
        self._seen = 0

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        alarms: list[int] = []
        told: list[int] = []
        wrong = part.wrong
        for at in range(0, len(part), _STEP):
            end = min(at + _STEP, len(part))
            numbers = np.arange(self._seen + at, self._seen + end)
            for finding in self._watch.judge(wrong[at:end], part.predicted[at:end], numbers, numbers):
                if not finding.escalated:
                    told.append(end - 1)
                    self._alarmed = False
                if finding.severity == "alarm" and not self._alarmed:
                    alarms.append(end - 1)
                    self._alarmed = True
        self._seen += len(part)
        return [np.array(alarms, np.int64), np.array(told, np.int64)]

    def fork(self) -> "Concept":
        return copy.deepcopy(self)


class Data:
    """driftline's data-drift monitor, on defaults: it sees features only."""

    names = ("driftline-data",)

    def __init__(self, setting: Setting) -> None:
        spec = parse_spec(_document(setting))
        self._monitor = DataMonitor(spec, _reference(setting, spec))
        self._seen = 0

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        alarms: list[int] = []
        for at in range(0, len(part), _DATA_STEP):
            end = min(at + _DATA_STEP, len(part))
            numbers = np.arange(self._seen + at, self._seen + end)
            records = Decoded(
                record_ids=[""] * (end - at),
                device_ids=[""] * (end - at),
                event_times=numbers,
                partitions=np.zeros(end - at, np.int64),
                offsets=numbers,
                columns=_columns(part.x[at:end]),
                rejects=[],
            )
            alarms += [end - 1] * len(self._monitor.update(records, {0: self._seen + end}, {}))
        self._seen += len(part)
        return [np.array(alarms, np.int64)]

    def fork(self) -> "Data":
        return copy.deepcopy(self)


class Prior:
    """driftline's monitor of the class mix, on defaults: it sees labels only."""

    names = ("driftline-prior",)

    def __init__(self, setting: Setting) -> None:
        spec = parse_spec(_document(setting))
        self._monitor = PriorMonitor(spec, _reference(setting, spec))
        self._seen = 0

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        alarms: list[int] = []
        for at in range(0, len(part), _DATA_STEP):
            end = min(at + _DATA_STEP, len(part))
            n, numbers = end - at, np.arange(self._seen + at, self._seen + end)
            nothing = np.zeros(n, np.int64)
            outcomes = Outcomes(
                record_ids=[""] * n,
                device_ids=[""] * n,
                correct=~part.wrong[at:end],
                answers=part.predicted[at:end],
                labels=part.actual[at:end],
                confidence=nothing.astype(np.float32),
                model_version=nothing,
                event_time=numbers,
                source_partition=nothing,
                source_offset=numbers,
                label_partition=nothing,
                label_offset=numbers,
                biased=np.zeros(n, np.bool_),
            )
            found = self._monitor.update(outcomes, np.arange(n), {0: self._seen + end}, {})
            alarms += [end - 1] * len(found)
        self._seen += len(part)
        return [np.array(alarms, np.int64)]

    def fork(self) -> "Prior":
        return copy.deepcopy(self)


class River:
    """A detector of river on the stream of errors; it starts afresh by itself after each detection."""

    def __init__(self, name: str, detector: Any) -> None:
        self.names = (name,)
        self._detector = detector

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        detector, alarms = self._detector, []
        for i, value in enumerate(part.wrong.astype(np.float64).tolist()):
            detector.update(value)
            if detector.drift_detected:
                alarms.append(i)
        return [np.array(alarms, np.int64)]

    def fork(self) -> "River":
        return River(self.names[0], copy.deepcopy(self._detector))


class Always:
    """Raises an alarm at every `every`-th record; with 0 never."""

    def __init__(self, name: str, every: int) -> None:
        self.names = (name,)
        self._every = every
        self._seen = 0

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        numbers = np.arange(self._seen + 1, self._seen + len(part) + 1)
        self._seen += len(part)
        return [np.flatnonzero(numbers % self._every == 0) if self._every else np.empty(0, np.int64)]

    def fork(self) -> "Always":
        return copy.copy(self)


def dummies() -> list[Watcher]:
    """never, always, and one alarm in 2,500 records."""
    return [Always("never", 0), Always("always", 1), Always("every-2500", 2_500)]


def _document(setting: Setting) -> dict[str, Any]:
    return {
        "stream": "detection",
        "classes": [str(code) for code in range(max(setting.classes, 2))],
        "features": [{"name": f"x{j}", "type": "numeric"} for j in range(setting.trained_on.shape[1])],
    }


def _reference(setting: Setting, spec: StreamSpec) -> Reference:
    columns = _columns(setting.trained_on)
    features = describe_features(spec, columns)
    return Reference(
        rows=len(columns),
        features=features,
        dependence=describe_pairs(spec, columns, features),
        class_counts=tuple(np.bincount(setting.labels, minlength=len(spec.classes)).tolist()),
        prediction_counts=(0,) * len(spec.classes),
        confidence_counts=(0,) * 10,
        error_rate=setting.evaluation.error_rate,
        held_out_rows=setting.evaluation.rows,
    )


def _columns(x: NDArray[np.float32]) -> Columns:
    none = np.empty((len(x), 0), object)
    return Columns(x.astype(np.float32), none, none)
