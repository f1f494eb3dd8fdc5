"""How right is the model in each class, judged by its own probabilities, before a label is there?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.registry.reference import MOST_CLASSES, Reference
from driftline.spec.stream import StreamSpec
from driftline.wire.predictions import Predictions
from monitoring.expected import ClassEstimates, Expected, Floats, expected_of_one, expected_of_several, f1_of
from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import Ledger, part_of
from monitoring.store.rolling import Rolling, RollingState

# As for accuracy (monitoring/estimate.py): what held-out rows weigh at most, and the newest outcomes that are read.
_HELD_OUT_ROWS = 1_000
_OUTCOMES = 2_000
_FORGETS = 0.3
# Answers that a class's cell is taken to have had at the rate of all classes: with fewer of its own it says little.
_POOLED = 10.0
# Wrong answers that the model's own probabilities of the other classes are worth.
_WORD = 20.0
# Answers of which a multilabel class's calibration is worth, against outcomes of the stream.
_CALIBRATION = 100.0
_PART = "class-estimate"


@dataclass(frozen=True, slots=True)
class ClassesReconciled:
    """How far estimates of F1 were off: `windows` compared, mean distance over windows and classes, share covered."""

    windows: int = 0
    error: float = float("nan")
    covered: float = float("nan")


class ClassEstimateState(msgspec.Struct):
    """The small things of an estimate by class; its columns are parts of their own."""

    answers: RollingState
    outcomes: RollingState
    judged: RollingState
    windows: int = 0
    compared: int = 0
    off: float = 0.0
    covered: int = 0


class ClassEstimate:
    """Estimates F1 of each class and the confusion matrix of one version's answers, without their labels.

    One class a record: an answer is right as often as answers of its class and confidence were (held-out rows, and the
    newest 2,000 outcomes as labels come); the rest goes to the other classes as the model's own probabilities and the
    mistakes known so far divide it. Multilabel: each class is true as often as it was at that probability on the
    held-out rows, corrected by how often the newest outcomes with the same yes or no were. F1 is that of the
    expected counts.

    Nothing is estimated of streams with more than 100 classes.

    Parameters
    ----------
    spec : the stream.
    reference : of the version.
    window : answers of the current window, and outcomes of one comparison with the truth.

    References
    ----------
    Expected confusion from calibrated probabilities: Kivimäki, Białek, Nurminen, Kuberski, "Confidence-based estimators
    for predictive performance in model monitoring", JAIR 2025, §4; NannyML's CBPE for binary, multiclass (one class
    against the rest) and F1. The interval: delta method over the variance of the two counts that are not known.
    """

    def __init__(self, spec: StreamSpec, reference: Reference, window: int) -> None:
        self._decision = Decision(spec)
        self._several = spec.task == "multilabel"
        self._edges = np.array(reference.confidence_edges, dtype=np.float32)
        k, self._bins = len(spec.classes), len(self._edges) + 1
        self._classes = k
        self.watching = k <= MOST_CLASSES
        """Whether anything is estimated."""
        bounds = np.concatenate([[0.0], self._edges.astype(np.float64), [1.0]])
        self._middle = (bounds[1:] + bounds[:-1]) / 2
        cells = (k, self._bins)
        weight = min(1.0, _HELD_OUT_ROWS / max(reference.held_out_rows, 1))
        self._seen = _matrix(reference.class_counted, cells) * weight
        self._true = _matrix(reference.class_true, cells) * weight
        self._pairs = _matrix(reference.confusion_counts, (k, k)) * weight
        self._pool = np.stack([self._seen.sum(axis=0), self._true.sum(axis=0)])
        if not reference.class_counted and reference.confidence_right:
            whole = np.array([reference.confidence_counts, reference.confidence_right], dtype=np.float64)
            self._pool = whole * min(1.0, _HELD_OUT_ROWS / max(whole[0].sum(), 1.0))
        self._window = window
        code: Any = (np.bool_, (k,)) if self._several else np.uint8
        size = window if self.watching else 1
        self._answers = Rolling(size, answer=code, p=(np.float32, (k,)))
        known = {"answer": code, "truth": code} | ({} if self._several else {"bin": np.uint8})
        self._outcomes, self._judged = Rolling(_OUTCOMES, **known), Rolling(size, **known)
        self._counts = np.zeros((k, 2, self._bins) if self._several else cells)
        self._spill = np.zeros((0, 0) if self._several or not self.watching else (k, k))
        self._windows, self._compared, self._off, self._covered = 0, 0, 0.0, 0
        self._excess = np.zeros(k)

    def answered(self, predictions: Predictions, rows: NDArray[np.intp]) -> None:
        """Take those of the predictions that `rows` (int [n]) chooses: the version's own."""
        if not self.watching or not len(rows):
            return
        told = predictions.answers
        answers = self._decision.encode(told if len(rows) == len(told) else [told[row] for row in rows.tolist()])
        p = predictions.probabilities[rows]
        if answers.ndim == 1:
            known = answers >= 0
            answers, p = answers[known], p[known]
        self._answers.append(answer=answers, p=p)
        counts, spill = self._sums(answers, p)
        self._counts += counts
        self._spill += spill

    def judged(self, answers: NDArray[Any], labels: NDArray[Any], confidences: NDArray[np.float32]) -> None:
        """Take outcomes: class codes int64 [n] or masks bool [n, K], and confidences float32 [n]."""
        if not self.watching:
            return
        columns: dict[str, NDArray[Any]] = {"answer": answers, "truth": labels}
        if not self._several:
            known = (answers >= 0) & (labels >= 0)
            columns = {
                "answer": answers[known],
                "truth": labels[known],
                "bin": np.searchsorted(self._edges, confidences[known], side="left"),
            }
        start = 0
        while start < len(columns["answer"]):
            # A window is compared with what was known before it, so that an estimate is never checked on its own rows.
            room = self._window - self._judged.total % self._window
            self._judged.append(**{name: column[start : start + room] for name, column in columns.items()})
            start += room
            if self._judged.total % self._window == 0:
                self._compare()
                self._outcomes.append(**{name: self._judged[name].copy() for name in columns})

    def now(self) -> ClassEstimates:
        """Of the newest answers."""
        return self._estimate(*self._sums(self._answers["answer"], self._answers["p"])) if self.watching else _NOTHING

    def since_promotion(self) -> ClassEstimates:
        """Of all the version's answers, by what is known of confidence now."""
        return self._estimate(self._counts, self._spill) if self.watching else _NOTHING

    @property
    def reconciled(self) -> ClassesReconciled:
        """What became of earlier estimates."""
        n = self._compared
        return ClassesReconciled(self._windows, self._off / n, self._covered / n) if n else ClassesReconciled()

    def snapshot(self, ledger: Ledger) -> ClassEstimateState:
        """Put the parts class-estimate… into the ledger, as far as they changed."""
        sums = {"counts": self._counts, "spill": self._spill, "excess": self._excess}
        ledger.put(_PART, pack(None, sums))
        return ClassEstimateState(
            answers=self._answers.snapshot(ledger, f"{_PART}-answers"),
            outcomes=self._outcomes.snapshot(ledger, f"{_PART}-known"),
            judged=self._judged.snapshot(ledger, f"{_PART}-judged"),
            windows=self._windows,
            compared=self._compared,
            off=self._off,
            covered=self._covered,
        )

    def restore(self, state: ClassEstimateState, parts: Mapping[str, bytes]) -> None:
        """Become what a snapshot said; this one must be new. Raises DamagedState."""
        _, sums = unpack(_PART, part_of(parts, _PART), type(None))
        own = {"counts": self._counts, "spill": self._spill, "excess": self._excess}
        if sums.keys() != own.keys() or any(sums[name].shape != column.shape for name, column in own.items()):
            raise DamagedState(f"monitor state, part {_PART}: not of the classes of this stream")
        self._counts, self._spill, self._excess = (sums[name].astype(np.float64) for name in own)
        self._answers.restore(state.answers, parts, f"{_PART}-answers")
        self._outcomes.restore(state.outcomes, parts, f"{_PART}-known")
        self._judged.restore(state.judged, parts, f"{_PART}-judged")
        self._windows, self._compared = state.windows, state.compared
        self._off, self._covered = state.off, state.covered

    def _sums(self, answers: NDArray[Any], p: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Rows by cell, and for one class a record the probabilities of the other classes, added up by answer."""
        k, bins = self._classes, self._bins
        if self._several:
            cell = np.searchsorted(self._edges, p, side="left") + bins * (np.arange(k) * 2 + answers)
            return np.bincount(cell.ravel(), minlength=k * 2 * bins).reshape(k, 2, bins).astype(np.float64), self._spill
        codes, rows = answers.astype(np.int64), np.arange(len(answers))
        cell = codes * bins + np.searchsorted(self._edges, p[rows, codes], side="left")
        counts = np.bincount(cell, minlength=k * bins).reshape(k, bins).astype(np.float64)
        spill = np.zeros((k, k))
        if len(codes):
            order = np.argsort(codes, kind="stable")
            there, starts = np.unique(codes[order], return_index=True)
            spill[there] = np.add.reduceat(p[order], starts, axis=0, dtype=np.float64)
            np.fill_diagonal(spill, 0.0)
        return counts, spill

    def _expected(self, counts: Floats, spill: Floats) -> Expected:
        k = self._classes
        if self._several:
            return expected_of_several(counts, *self._rates_of_several())
        answer, truth = self._outcomes["answer"].astype(np.int64), self._outcomes["truth"].astype(np.int64)
        cell = answer * self._bins + self._outcomes["bin"]
        shape = (k, self._bins)
        seen = np.bincount(cell, minlength=k * self._bins).reshape(shape)
        right = np.bincount(cell, weights=answer == truth, minlength=k * self._bins).reshape(shape)
        pool_seen, pool_right = self._pool[0] + seen.sum(axis=0), self._pool[1] + right.sum(axis=0)
        pooled = (pool_right + 2 * self._middle) / (pool_seen + 2)
        known = self._seen + seen + _POOLED
        rates = (self._true + right + _POOLED * pooled) / known
        word = spill if spill.any() else self._spill
        even = np.where(np.eye(k, dtype=bool), 0.0, 1 / max(k - 1, 1))
        total = word.sum(axis=1, keepdims=True)
        word = np.where(total > 0, word / np.where(total > 0, total, 1.0), even)
        pairs = self._pairs + np.bincount(answer * k + truth, minlength=k * k).reshape(k, k)
        np.fill_diagonal(pairs, 0.0)
        shares_known = pairs.sum(axis=1) + _WORD
        shares = (pairs + _WORD * word) / shares_known[:, None]
        return expected_of_one(counts, rates, known, shares, shares_known)

    def _rates_of_several(self) -> tuple[Floats, Floats]:
        known = np.repeat((self._seen + 2)[:, None], 2, axis=1)
        rates = np.repeat(((self._true + 2 * self._middle) / (self._seen + 2))[:, None], 2, axis=1)
        answer, truth = self._outcomes["answer"], self._outcomes["truth"]
        n = np.stack([(~answer).sum(axis=0), answer.sum(axis=0)], axis=1)
        came = np.stack([(~answer & truth).sum(axis=0), (answer & truth).sum(axis=0)], axis=1)
        total = self._counts.sum(axis=2)
        thought = (self._counts * rates).sum(axis=2) / np.where(total > 0, total, 1.0)
        usable = (thought > 0) & (n > 0)
        found = (_CALIBRATION * thought + came) / (_CALIBRATION + n)
        factor = np.where(usable, found / np.where(usable, thought, 1.0), 1.0)
        return np.minimum(rates * factor[:, :, None], 1.0), known + n[:, :, None]

    def _estimate(self, counts: Floats, spill: Floats) -> ClassEstimates:
        return f1_of(self._expected(counts, spill), self._excess) if counts.any() else _NOTHING

    def _compare(self) -> None:
        k, answer, truth = self._classes, self._judged["answer"], self._judged["truth"]
        if self._several:
            # The outcomes' probabilities are not kept: they are taken to be like those of all answers of the version.
            n = np.stack([(~answer).sum(axis=0), answer.sum(axis=0)], axis=1)
            total = self._counts.sum(axis=2, keepdims=True)
            counts = self._counts / np.where(total > 0, total, 1.0) * n[:, :, None]
        else:
            cell = answer.astype(np.int64) * self._bins + self._judged["bin"]
            counts = np.bincount(cell, minlength=k * self._bins).reshape(k, self._bins).astype(np.float64)
            every = np.arange(k)
            answer, truth = answer[:, None] == every, truth[:, None] == every
        if not counts.any():
            return
        expected = self._expected(counts, self._spill)
        found, sure = f1_of(expected, self._excess), f1_of(expected, np.zeros(k))
        bottom = answer.sum(axis=0) + truth.sum(axis=0)
        known = (bottom > 0) & ~np.isnan(found.f1)
        real = 2 * (answer & truth).sum(axis=0) / np.maximum(bottom, 1)
        off = np.abs(found.f1 - real)[known]
        self._windows += 1
        self._compared += int(known.sum())
        self._off += float(off.sum())
        self._covered += int(((found.low <= real) & (real <= found.high))[known].sum())
        chance = (np.maximum(sure.high - sure.f1, sure.f1 - sure.low)[known] / 1.96) ** 2
        self._excess[known] += _FORGETS * (np.maximum(off**2 - chance, 0.0) - self._excess[known])


_NOTHING = ClassEstimates()


def _matrix(lines: tuple[tuple[int, ...], ...], shape: tuple[int, int]) -> Floats:
    return np.array(lines, dtype=np.float64) if lines else np.zeros(shape)
