"""Every figure of a held-out slice, for the slice itself and for resamples of it at once.

A resample is a weight a row: how often the row was drawn. Counts under many weights are one matrix product, and the
curves need one sorting for all of them, so a confidence interval costs hardly more than the figure.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data import Codes

Floats = NDArray[np.float64]

# Equal-width bins of confidence, as many as Guo et al. take.
BINS = 15
# Rows times resamples that are held at once while a curve is summed up: some 30 MB.
_CELLS = 4_000_000
_SMALLEST = 1e-7


def figures(
    task: str, probabilities: NDArray[np.float32], codes: Codes, labels: Codes, weights: Floats
) -> dict[str, Floats]:
    """Each figure under each line of weights, float64 [b]; nan where a figure is not defined.

    Parameters
    ----------
    task : 'binary', 'multiclass' or 'multilabel'.
    probabilities : float32 [n, K].
    codes, labels : answers and truths, int64 [n] or bool [n, K].
    weights : float64 [b, n]; ones for the slice itself.

    Notes
    -----
    For binary, `precision`, `recall`, `f1`, `roc_auc` and `pr_auc` are of the positive class; for multiclass, means
    over the classes (one against the rest) that occur; for multilabel, means over classes. PR-AUC is the average
    precision, without interpolation. `calibration_error` is of the confidence in the answer, for multilabel the mean
    over classes of that of the class's probability.
    """
    truth, said = _one_hot(labels, probabilities.shape[1]), _one_hot(codes, probabilities.shape[1])
    bounded = np.clip(probabilities.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    total = weights.sum(axis=1)
    counts = _Counts(truth, said, weights)
    found = {
        "accuracy": _mean(weights, np.equal(truth, said).all(axis=1)),
        "micro_f1": _ratio(2 * counts.tp.sum(1), (2 * counts.tp + counts.fp + counts.fn).sum(1)),
        "weighted_f1": _ratio((counts.f1 * counts.true).sum(1), counts.true.sum(1)),
    }
    if task == "multilabel":
        found |= {
            "balanced_accuracy": _over(counts.balanced),
            "log_loss": _mean(weights, -np.where(truth, np.log(bounded), np.log(1 - bounded)).mean(axis=1)),
            "brier": _mean(weights, ((probabilities - truth) ** 2).mean(axis=1)),
            "hamming_loss": _mean(weights, np.not_equal(truth, said).mean(axis=1)),
            "kappa": _over(_kappa_by_class(counts, total)),
            "calibration_error": np.mean(
                [calibration_error(probabilities[:, k], truth[:, k], weights) for k in range(truth.shape[1])], axis=0
            ),
        }
    else:
        bounded /= bounded.sum(axis=1, keepdims=True)
        rows = np.arange(len(codes))
        errors = ((probabilities - truth) ** 2).sum(axis=1)
        found |= {
            "balanced_accuracy": _over(counts.recall),
            "log_loss": _mean(weights, -np.log(bounded[rows, labels.astype(np.int64)])),
            "brier": _mean(weights, errors / 2 if task == "binary" else errors),
            "kappa": _kappa(counts, total),
            "calibration_error": calibration_error(
                probabilities[rows, codes.astype(np.int64)], np.equal(codes, labels), weights
            ),
        }
    occurs = np.ones_like(counts.true, bool) if task == "multilabel" else counts.true + counts.said > 0
    positive = slice(1, 2) if task == "binary" else slice(None)
    found["macro_f1"] = _over(np.where(occurs, counts.f1, np.nan))
    found["precision"] = _over(np.where(occurs, counts.precision, np.nan)[:, positive])
    found["recall"] = _over(np.where(occurs, np.nan_to_num(counts.recall), np.nan)[:, positive])
    curves = [areas(probabilities[:, k], truth[:, k], weights) for k in range(truth.shape[1])[positive]]
    found["roc_auc"] = _over(np.stack([roc for roc, _ in curves], axis=1))
    found["pr_auc"] = _over(np.stack([precision for _, precision in curves], axis=1))
    return found


def areas(scores: NDArray[np.float32], truth: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats]:
    """Areas under the ROC and the precision-recall curve of one class, each [b]; nan without both kinds."""
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], truth[order]
    # A threshold stands after the last of rows that score the same.
    ends = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    roc, precision = np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    step = max(_CELLS // max(len(scores), 1), 1)
    for start in range(0, len(weights), step):
        part = weights[start : start + step, order]
        hits = np.cumsum(part * positive, axis=1)[:, ends]
        all_said = np.cumsum(part, axis=1)[:, ends]
        misses = all_said - hits
        positives, negatives = hits[:, -1], misses[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            before = np.concatenate([np.zeros((len(part), 1)), hits[:, :-1]], axis=1)
            area = (np.diff(misses, axis=1, prepend=0) * (hits + before) / 2).sum(axis=1)
            roc[start : start + step] = np.where(negatives > 0, area / (positives * negatives), np.nan)
            shares = np.where(all_said > 0, hits / np.where(all_said > 0, all_said, 1), 0.0)
            precision[start : start + step] = (np.diff(hits, axis=1, prepend=0) * shares).sum(axis=1) / positives
    both = 0 < truth.sum() < len(truth)
    return (roc, precision) if both else (np.full_like(roc, np.nan), np.full_like(precision, np.nan))


class _Counts:
    """Right and wrong answers of each class under each line of weights, float64 [b, K]."""

    def __init__(self, truth: NDArray[np.bool_], said: NDArray[np.bool_], weights: Floats) -> None:
        self.tp = weights @ (truth & said)
        self.true, self.said = weights @ truth.astype(np.float64), weights @ said.astype(np.float64)
        self.total = weights.sum(axis=1, keepdims=True)
        self.fp, self.fn = self.said - self.tp, self.true - self.tp
        self.precision = _ratio(self.tp, self.said, 0.0)
        self.recall = _ratio(self.tp, self.true)
        self.f1 = _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn, 0.0)
        negatives = self.total - self.true
        self.balanced = (self.recall + _ratio(negatives - self.fp, negatives)) / 2


def _one_hot(codes: Codes, classes: int) -> NDArray[np.bool_]:
    if codes.ndim == 2:
        return codes.astype(bool)
    return np.equal(codes[:, None], np.arange(classes)[None, :])


def _mean(weights: Floats, values: Any) -> Floats:
    return _ratio(weights @ np.asarray(values, dtype=np.float64), weights.sum(axis=1))


def _ratio(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    found: Floats = np.divide(above, below, out=np.full(np.broadcast(above, below).shape, otherwise), where=below > 0)
    return found


def _over(values: Floats) -> Floats:
    """Mean of each line over what is defined in it."""
    there = np.isfinite(values)
    return _ratio(np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1).astype(np.float64))


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_], weights: Floats) -> Floats:
    """How far confidence is from accuracy, on average over rows, under each line of weights; [b], 0 is honest.

    Notes
    -----
    In 15 bins of equal width: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017, §2.
    """
    bins = np.clip(np.ceil(confidence.astype(np.float64) * BINS).astype(np.int64) - 1, 0, BINS - 1)
    members = np.equal(bins[:, None], np.arange(BINS)[None, :]).astype(np.float64)
    gaps = weights @ (members * (right.astype(np.float64) - confidence.astype(np.float64))[:, None])
    return _ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def _kappa(counts: _Counts, total: Floats) -> Floats:
    """Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960)."""
    agreed = _ratio(counts.tp.sum(axis=1), total)
    chance = _ratio((counts.true * counts.said).sum(axis=1), total**2)
    return _ratio(agreed - chance, 1 - chance)


def _kappa_by_class(counts: _Counts, total: Floats) -> Floats:
    whole = total[:, None]
    agreed = _ratio(whole - counts.fp - counts.fn, whole)
    chance = _ratio(counts.true * counts.said + (whole - counts.true) * (whole - counts.said), whole**2)
    return _ratio(agreed - chance, 1 - chance)
