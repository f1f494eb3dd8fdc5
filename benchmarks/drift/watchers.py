"""What watches a stream: driftline's monitors, river's detectors, dummies, and one that knows the answer."""

import copy
import inspect
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.learners import Evaluation
from driftline.model.columns import Columns
from driftline.registry.reference import Reference, describe_features
from driftline.spec.load import parse_spec
from driftline.wire.features import Decoded
from monitoring.concept import ConceptMonitor
from monitoring.data import DataMonitor

Alarms = dict[str, list[NDArray[np.int64]]]
# Outcomes that reach the concept monitor at once; an alarm counts as raised at the last of them.
_STEP = 16
_DATA_STEP = 100


@dataclass(frozen=True, slots=True)
class Part:
    """Records on their way to a watcher: what it may look at, one row each.

    Attributes
    ----------
    x : features, float32 [n, d].
    predicted, actual : class codes, int64 [n].
    """

    x: NDArray[np.float32]
    predicted: NDArray[np.int64]
    actual: NDArray[np.int64]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        different: NDArray[np.bool_] = self.predicted != self.actual
        return different

    def __len__(self) -> int:
        return len(self.actual)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a watcher is told before the first record: the model's evaluation, and the rows it was trained on."""

    evaluation: Evaluation
    trained_on: NDArray[np.float32]
    classes: int


class Watcher(Protocol):
    """Watches one stream."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its alarms are called; several if it raises alarms of several kinds."""

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        """Take the next records; for each of `names`, the rows of `part` at which it raised an alarm, ascending."""

    def fork(self) -> "Watcher":
        """Another that knows the same."""


class Concept:
    """driftline's concept monitor, on the defaults of a specification.

    After an alarm it stands until it has seen the recovery by itself, as in service while no new version comes.
    `driftline` are its alarms, `driftline-warnings` all that it says.
    """

    names = ("driftline", "driftline-warnings")

    def __init__(self, setting: Setting) -> None:
        spec = parse_spec(_document(setting))
        policy = spec.monitoring.policy
        known: dict[str, Any] = {"error_rate": setting.evaluation.error_rate, "held_out_rows": setting.evaluation.rows}
        self._monitor = ConceptMonitor(
            spec.monitoring.concept, capacity=policy.maximum_window, cool_down=policy.cool_down_records, **known
        )
        self._takes_answers = "predicted" in inspect.signature(self._monitor.update).parameters
        self._seen = 0

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        alarms: list[int] = []
        told: list[int] = []
        wrong = part.wrong
        for at in range(0, len(part), _STEP):
            end = min(at + _STEP, len(part))
            numbers = np.arange(self._seen + at, self._seen + end)
            more: dict[str, Any] = {"predicted": part.predicted[at:end]} if self._takes_answers else {}
            for finding in self._monitor.update(wrong[at:end], numbers, numbers, **more):
                if finding.severity == "alarm":
                    alarms.append(end - 1)
                if not finding.escalated:
                    told.append(end - 1)
        self._seen += len(part)
        return [np.array(alarms, np.int64), np.array(told, np.int64)]

    def fork(self) -> "Concept":
        return copy.deepcopy(self)


class Data:
    """driftline's data-drift monitor, on defaults: it sees features only."""

    names = ("driftline-data",)

    def __init__(self, setting: Setting) -> None:
        spec = parse_spec(_document(setting))
        columns = _columns(setting.trained_on)
        empty = (0,) * max(setting.classes, 2)
        reference = Reference(
            rows=len(columns),
            features=describe_features(spec, columns),
            prediction_counts=empty,
            confidence_counts=(0,) * 10,
            error_rate=setting.evaluation.error_rate,
            held_out_rows=setting.evaluation.rows,
        )
        self._monitor = DataMonitor(spec, reference)
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


def page(step: NDArray[np.float64], onset: int, once_in: float = 1e5) -> NDArray[np.int64]:
    """Alarms of Page's CUSUM of log-likelihood ratios, which is silent after its first alarm behind `onset`.

    With the true ratio it has the least worst-case delay at a given mean time between false alarms, and that is at
    least exp(threshold) (Lorden 1971, Annals of Mathematical Statistics 42(6); Moustakides 1986, Annals of Statistics
    14(4)). So what is told the truth bounds every detector that sees as much.

    Parameters
    ----------
    step : float [n], one for each record.
    once_in : records between false alarms, at least.

    Returns
    -------
    Rows of `step`, int64 [k], ascending.
    """
    alarms: list[int] = []
    start = 0
    while start < len(step):
        total = np.concatenate([[0.0], np.cumsum(step[start:])])
        height = total[1:] - np.minimum.accumulate(total)[:-1]
        above = np.flatnonzero(height > math.log(once_in))
        if not len(above):
            break
        alarms.append(start + int(above[0]))
        if alarms[-1] >= onset:
            break
        start = alarms[-1] + 1
    return np.array(alarms, np.int64)


def true_ratios(
    events: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64], kinds: int
) -> NDArray[np.float64]:
    """The log-likelihood ratio of each event between two worlds, float [n], from a sample of events of each.

    Parameters
    ----------
    events, before, after : codes in [0, kinds), int64 [n], [b], [a]; half an event is added to each code's count.
    """
    counts = [np.bincount(sample, minlength=kinds) + 0.5 for sample in (before, after)]
    old, new = (count / count.sum() for count in counts)
    ratio: NDArray[np.float64] = np.log(new / old)
    return ratio[events]


def _document(setting: Setting) -> dict[str, Any]:
    return {
        "stream": "detection",
        "classes": [str(code) for code in range(max(setting.classes, 2))],
        "features": [{"name": f"x{j}", "type": "numeric"} for j in range(setting.trained_on.shape[1])],
    }


def _columns(x: NDArray[np.float32]) -> Columns:
    none = np.empty((len(x), 0), object)
    return Columns(x.astype(np.float32), none, none)
