"""How right is the model, judged by its own confidence, before a label is there?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.registry.reference import Reference
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState

# Held-out rows weigh as much as this many outcomes of the stream at most: what the stream itself says comes first.
_HELD_OUT_ROWS = 1_000
# Newest outcomes by which confidence is read anew. Fewer, and the reading is noise; more, and it is of another time.
_OUTCOMES = 2_000
# Answers that an empty bin is taken to have had, right as often as their confidence says.
_PRIOR = 2.0
# Weight of the newest comparison with the truth in what the interval is widened by.
_FORGETS = 0.3
# Two-sided 95 %.
_Z = 1.96
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated accuracy of `rows` answers, with a 95 % interval; all nan without an answer."""

    accuracy: float = NAN
    low: float = NAN
    high: float = NAN
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How far estimates were off, once the truth was known.

    Attributes
    ----------
    windows : complete windows of labelled answers that were compared.
    error : mean distance of estimate and truth over them, as a share (0.01 is a point of accuracy); nan without one.
    bias : mean of estimate less truth: above 0, the model promised too much.
    covered : share of the windows whose truth lay in the interval; nan without one.
    """

    windows: int = 0
    error: float = NAN
    bias: float = NAN
    covered: float = NAN


class EstimateState(msgspec.Struct):
    """The small things of an estimate; its columns are parts of their own."""

    answers: RollingState
    outcomes: RollingState
    judged: RollingState
    windows: int = 0
    off: float = 0.0
    bias: float = 0.0
    covered: int = 0
    excess: float = 0.0


class AccuracyEstimate:
    """Estimates the accuracy of one version's newest answers from their confidences.

    Each confidence falls into one of the reference's bins. How often answers of a bin are right was measured on the
    held-out rows, and is measured again on the newest 2,000 outcomes as labels arrive; the estimate is the mean of
    these rates over the window's answers. So it needs no calibrated probabilities, only confidences that order, and it
    follows a miscalibration as far as labels show it. It cannot see what labels have not shown yet: a concept drift
    that leaves the confidences as they are leaves the estimate as it is. For several classes at once the confidence is
    of the least sure decision and a right answer is right in all of them; the bins hold for that as well.

    Parameters
    ----------
    reference : of the version.
    window : answers that are estimated, and outcomes of one comparison with the truth.

    References
    ----------
    Confidence-based performance estimation as in NannyML (CBPE), and binned recalibration: Zadrozny and Elkan,
    "Obtaining calibrated probability estimates from decision trees and naive Bayesian classifiers", ICML 2001, §3.
    The interval adds the variance of the answers (Bernoulli, at each bin's rate), that of the rates themselves, and
    what the newest comparisons were off by beyond both: where labels show that confidence misleads, it grows.

    >>> reference = Reference(
    ...     rows=100, features=(), prediction_counts=(), confidence_counts=(0,) * 9 + (100,),
    ...     confidence_right=(0,) * 9 + (90,), error_rate=0.1, held_out_rows=100,
    ... )
    >>> estimate = AccuracyEstimate(reference, 500)
    >>> estimate.answered(np.full(400, 0.97, dtype=np.float32))
    >>> found = estimate.now()
    >>> round(found.accuracy, 2), found.low < 0.9 < found.high
    (0.9, True)
    """

    def __init__(self, reference: Reference, window: int) -> None:
        self._edges = np.array(reference.confidence_edges, dtype=np.float32)
        bins = len(self._edges) + 1
        bounds = np.concatenate([[0.0], self._edges.astype(np.float64), [1.0]])
        self._middle = (bounds[1:] + bounds[:-1]) / 2
        counts = np.array(reference.confidence_counts or (0,) * bins, dtype=np.float64)
        right = np.array(reference.confidence_right or (0,) * bins, dtype=np.float64)
        if not reference.confidence_right:
            # A version made before there were these counts: its confidences are believed.
            counts = np.zeros(bins)
        weight = min(1.0, _HELD_OUT_ROWS / max(counts.sum(), 1.0))
        self._held_out = np.stack([counts, right]) * weight
        self._window = window
        self._answers = Rolling(window, bin=np.uint8)
        self._outcomes = Rolling(_OUTCOMES, bin=np.uint8, right=np.bool_, sure=np.float32)
        self._judged = Rolling(window, bin=np.uint8, right=np.bool_, sure=np.float32)
        self._windows, self._off, self._bias, self._covered = 0, 0.0, 0.0, 0
        self._excess = 0.0

    def answered(self, confidences: NDArray[np.float32]) -> None:
        """Take the confidences of answers, float32 [n], oldest first."""
        if len(confidences):
            self._answers.append(bin=self._bins(confidences))

    def judged(self, confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> None:
        """Take outcomes: confidences float32 [n] and whether the answers were right, bool [n]."""
        bins, start = self._bins(confidences), 0
        while start < len(bins):
            # A window is compared with what was known before it, so that an estimate is never checked on its own rows.
            room = self._window - self._judged.total % self._window
            part = slice(start, start + room)
            self._judged.append(bin=bins[part], right=right[part], sure=confidences[part])
            start += room
            if self._judged.total % self._window == 0:
                self._compare()
                self._outcomes.append(**{name: self._judged[name].copy() for name in ("bin", "right", "sure")})

    def now(self) -> Estimate:
        """Of the newest answers."""
        return self._estimate(self._answers["bin"])

    @property
    def calibration_error(self) -> float:
        """How far confidence is from accuracy over the newest judged answers, by the reference's bins; nan without one.

        Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017, §2.
        """
        n, size = len(self._judged), len(self._middle)
        if not n:
            return NAN
        gap = self._judged["right"].astype(np.float64) - self._judged["sure"]
        return float(np.abs(np.bincount(self._judged["bin"], weights=gap, minlength=size)).sum() / n)

    @property
    def reconciled(self) -> Reconciled:
        """What became of earlier estimates."""
        n = self._windows
        return Reconciled(n, self._off / n, self._bias / n, self._covered / n) if n else Reconciled()

    def snapshot(self, ledger: Ledger) -> EstimateState:
        """Put the parts answers/0 …, judged/0 …, known/0 … into the ledger, as far as they changed."""
        return EstimateState(
            answers=self._answers.snapshot(ledger, "estimate-answers"),
            outcomes=self._outcomes.snapshot(ledger, "estimate-known"),
            judged=self._judged.snapshot(ledger, "estimate-judged"),
            windows=self._windows,
            off=self._off,
            bias=self._bias,
            covered=self._covered,
            excess=self._excess,
        )

    def restore(self, state: EstimateState, parts: Mapping[str, bytes]) -> None:
        """Become what a snapshot said; this one must be new. Raises DamagedState."""
        self._answers.restore(state.answers, parts, "estimate-answers")
        self._outcomes.restore(state.outcomes, parts, "estimate-known")
        self._judged.restore(state.judged, parts, "estimate-judged")
        self._windows, self._off = state.windows, state.off
        self._bias, self._covered, self._excess = state.bias, state.covered, state.excess

    def _bins(self, confidences: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.searchsorted(self._edges, confidences, side="left").astype(np.uint8)

    def _rates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How often answers of each bin are right, and how many that is known from; float64 [bins]."""
        size = len(self._middle)
        seen = np.bincount(self._outcomes["bin"], minlength=size)
        good = np.bincount(self._outcomes["bin"], weights=self._outcomes["right"], minlength=size)
        known = self._held_out[0] + seen + _PRIOR
        return (self._held_out[1] + good + _PRIOR * self._middle) / known, known

    def _estimate(self, bins: NDArray[np.uint8]) -> Estimate:
        n = len(bins)
        if not n:
            return Estimate()
        rates, known = self._rates()
        counts = np.bincount(bins, minlength=len(rates)).astype(np.float64)
        accuracy = float(counts @ rates / n)
        spread = rates * (1 - rates)
        variance = counts @ spread / n**2 + (counts / n) ** 2 @ (spread / known)
        reach = _Z * math.sqrt(float(variance) + self._excess)
        return Estimate(accuracy, max(accuracy - reach, 0.0), min(accuracy + reach, 1.0), n)

    def _compare(self) -> None:
        found, truth = self._estimate(self._judged["bin"]), float(self._judged["right"].mean())
        self._windows += 1
        self._off += abs(found.accuracy - truth)
        self._bias += found.accuracy - truth
        self._covered += found.low <= truth <= found.high
        chance = ((found.high - found.low) / (2 * _Z)) ** 2 - self._excess
        off = max((found.accuracy - truth) ** 2 - max(chance, 0.0), 0.0)
        self._excess += _FORGETS * (off - self._excess)
