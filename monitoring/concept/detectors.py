"""Drift detectors behind one small interface: our own, and river's, whose bells the monitor answers warily."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from driftline.errors import UsageError
from driftline.spec.monitoring import ConceptDriftSpec
from monitoring.budget import START, Budget, concept_level, concept_rate
from monitoring.concept.detector_state import DetectorState, give_state, take_state
from monitoring.concept.e_detector import EDetector
from monitoring.concept.trigger import Trigger

KSWIN_WINDOW = 100
"""River's own default: KSWIN compares the newest 30 of the last 100. At double it is twice as slow to see a change."""


class RiverTrigger:
    """A detector of `river.drift`, which starts afresh by itself after each detection."""

    proven = False
    rose = True
    e_value = 0.0

    def __init__(self, name: str, detector: Any, memory: int = 1_000, reach: int | None = None) -> None:
        self.name = name
        self.memory = memory
        self.reach = reach
        self._detector = detector

    @property
    def dependence(self) -> float:
        return 1.0

    def inherit(self, former: Trigger) -> None:
        """It measures none."""

    def forget(self) -> None:
        self._detector = self._detector.clone()

    def learn(self, wrong: NDArray[np.bool_], *, in_order: bool = True) -> None:
        self.update(wrong)

    def until_ring(self, wrong: NDArray[np.bool_]) -> int | None:
        detector = self._detector
        for i, value in enumerate(wrong.astype(np.float64).tolist()):
            detector.update(value)
            if detector.drift_detected:
                return i
        return None

    def update(self, wrong: NDArray[np.bool_]) -> bool:
        detector, found = self._detector, False
        for value in wrong.astype(np.float64).tolist():
            detector.update(value)
            if detector.drift_detected:
                found = True
        return found

    def snapshot(self) -> DetectorState | None:
        return take_state(self._detector)

    def restore(self, state: DetectorState | None) -> bool:
        return state is not None and give_state(self._detector, state)


def make_trigger(spec: ConceptDriftSpec, share: float = Budget.concept) -> Trigger:
    """The detector that the specification names.

    Parameters
    ----------
    spec : the concept section; its `confidence`, if given, stands for the share.
    share : false alarms per outcome, the part of the budget that is for concept drift.

    Raises
    ------
    UsageError : no such detector.
    """
    if spec.detector == EDetector.name:
        return EDetector((1.0 - START) * concept_rate(spec, share))
    if spec.detector not in TRIGGERS:
        allowed = ", ".join(sorted([EDetector.name, *TRIGGERS]))
        raise UsageError(f"monitoring.concept.detector: read {spec.detector!r}; allowed: {allowed}")
    return TRIGGERS[spec.detector](spec, concept_level(spec, share))


def _adwin(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift import ADWIN

    # clock: outcomes between two looks. River's 32 costs 20 outcomes of delay against 8, and saves 0.1 µs each.
    return RiverTrigger("adwin", ADWIN(delta=level, clock=8))


def _ddm(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift.binary import DDM

    # DDM's threshold counts standard deviations of a rate, which is close to normal.
    threshold = -float(ndtri(level))
    return RiverTrigger("ddm", DDM(warning_threshold=min(2.0, threshold), drift_threshold=threshold))


def _eddm(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift.binary import EDDM

    # EDDM's beta is a share of the longest distance between errors, no probability. This line passes through the
    # authors' 0.90 at 1e-4 and is as much a convention as theirs.
    beta = min(max(1.0 + 0.025 * math.log10(level), 0.5), 0.99)
    return RiverTrigger("eddm", EDDM(alpha=min(beta + 0.05, 1.0), beta=beta))


def _hddm_a(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift.binary import HDDMA

    return RiverTrigger("hddm-a", HDDMA(drift_confidence=level, warning_confidence=min(5 * level, 0.5)))


def _hddm_w(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift.binary import HDDMW

    return RiverTrigger("hddm-w", HDDMW(drift_confidence=level, warning_confidence=min(5 * level, 0.5)))


def _kswin(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift import KSWIN

    detector = KSWIN(alpha=level, window_size=KSWIN_WINDOW, seed=0)
    return RiverTrigger("kswin", detector, memory=KSWIN_WINDOW, reach=KSWIN_WINDOW)


def _page_hinkley(spec: ConceptDriftSpec, level: float) -> Trigger:
    from river.drift import PageHinkley

    # A CUSUM with reference value delta exceeds λ in one excursion with a probability of about exp(-2 delta λ / σ²)
    # (Siegmund 1985, Sequential Analysis, ch. X); a Bernoulli variance is at most 1/4.
    delta = max(spec.minimum_effect / 2, 0.005)
    threshold = -math.log(level) * 0.25 / (2 * delta)
    return RiverTrigger("page-hinkley", PageHinkley(delta=delta, threshold=threshold, mode="up"))


TRIGGERS: dict[str, Callable[[ConceptDriftSpec, float], Trigger]] = {
    "adwin": _adwin,
    "ddm": _ddm,
    "eddm": _eddm,
    "hddm-a": _hddm_a,
    "hddm-w": _hddm_w,
    "kswin": _kswin,
    "page-hinkley": _page_hinkley,
}
"""River's detectors by their name in the specification; a new one is a new line here."""
