"""Measuring answers: a model on a held-out slice, and two models on the same one."""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from driftline.model.answers import Decision
from driftline.registry.manifest import ClassEvaluation, Evaluation
from driftline.spec.stream import StreamSpec
from training.data import Codes
from training.figures import areas, figures

RESAMPLES = 200
"""Of a confidence interval: its ends move by a tenth of its width from seed to seed."""
_INTERVALS = (
    "accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "roc_auc", "pr_auc", "calibration_error", "kappa",
)  # fmt: skip
# Rows times classes times resamples beyond which fewer resamples are drawn, so that a wide slice takes seconds.
_WORK = 60_000_000


def evaluate(
    spec: StreamSpec, probabilities: NDArray[np.float32], labels: Codes, decision: Decision | None = None
) -> Evaluation:
    """Metrics of `probabilities` float32 [n, K] against true `labels` (in the form of `Decision.codes`), answered by
    `decision` (None: the most probable class, or every class from 0.5 on).

    Accuracy of a multilabel stream is subset accuracy (every class of a row right); its balanced accuracy is the
    mean over the classes that occur both ways, and its log loss the mean over classes. Balanced accuracy and macro
    F1 average over the classes that occur in the slice.
    """
    codes = (decision or Decision(spec)).codes(probabilities)
    right = correct(codes, labels)
    bounded = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    with warnings.catch_warnings():
        # An answer that never was the truth on a short slice is no news.
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        if labels.ndim == 2:
            both = [k for k in range(labels.shape[1]) if 0 < labels[:, k].sum() < len(labels)]
            balanced = [balanced_accuracy_score(labels[:, k], codes[:, k]) for k in both]
            balanced_accuracy = float(np.mean(balanced)) if balanced else None
            loss = -np.where(labels, np.log(bounded), np.log(1 - bounded)).mean()
        else:
            balanced_accuracy = float(balanced_accuracy_score(labels, codes))
            bounded /= bounded.sum(axis=1, keepdims=True)
            loss = log_loss(labels, bounded, labels=np.arange(probabilities.shape[1]))
    return Evaluation(
        rows=len(labels),
        accuracy=float(right.mean()),
        balanced_accuracy=balanced_accuracy,
        macro_f1=float(f1_score(labels, codes, average="macro", zero_division=0)),
        log_loss=float(loss),
    )


def evaluate_fully(
    spec: StreamSpec,
    probabilities: NDArray[np.float32],
    labels: Codes,
    *,
    decision: Decision | None = None,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> Evaluation:
    """Every metric of `Evaluation`, by class too, with 95 % confidence intervals.

    Parameters
    ----------
    decision : what turns probabilities into answers; by default that of the specification.
    resamples : of each interval, 0 for none.

    Notes
    -----
    The intervals are percentiles of the figure over resamples of the rows (Efron and Tibshirani, "An introduction to
    the bootstrap", 1993, section 13.3). They say how far chance in drawing the slice reaches; not what a stream that
    changes will bring, and rows of a stream that resemble their neighbours make them too narrow.
    """
    codes = (decision or Decision(spec)).codes(probabilities)
    n, classes = probabilities.shape
    one = figures(spec.task, probabilities, codes, labels, np.ones((1, n)))
    point = {name: float(values[0]) for name, values in one.items()}
    intervals: dict[str, tuple[float, float]] = {}
    draws = min(resamples, max(_WORK // max(n * classes, 1), 20)) if resamples else 0
    if draws and n > 1:
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
        drawn = figures(spec.task, probabilities, codes, labels, weights)
        for name in _INTERVALS:
            values = drawn[name][np.isfinite(drawn[name])]
            if np.isfinite(point[name]) and len(values):
                low, high = np.percentile(values, [2.5, 97.5])
                intervals[name] = (float(low), float(high))
    return Evaluation(
        rows=n,
        **{name: value for name, value in point.items() if np.isfinite(value)},
        classes=_by_class(spec, probabilities, codes, labels),
        confusion=() if labels.ndim == 2 else _confusion(codes, labels, classes),
        intervals=intervals,
    )


def _by_class(
    spec: StreamSpec, probabilities: NDArray[np.float32], codes: Codes, labels: Codes
) -> tuple[ClassEvaluation, ...]:
    found = []
    one = np.ones((1, len(labels)))
    for k, name in enumerate(spec.classes):
        true, said = (labels[:, k], codes[:, k]) if labels.ndim == 2 else (labels == k, codes == k)
        hits, there, answered = int((true & said).sum()), int(true.sum()), int(said.sum())
        roc, precision = areas(probabilities[:, k], true.astype(bool), one)
        found.append(
            ClassEvaluation(
                name=name,
                rows=there,
                precision=hits / answered if answered else 0.0,
                recall=hits / there if there else 0.0,
                f1=2 * hits / (there + answered) if there + answered else 0.0,
                roc_auc=float(roc[0]) if np.isfinite(roc[0]) else None,
                pr_auc=float(precision[0]) if np.isfinite(precision[0]) else None,
            )
        )
    return tuple(found)


def _confusion(codes: Codes, labels: Codes, classes: int) -> tuple[tuple[int, ...], ...]:
    table = np.bincount(labels.astype(np.int64) * classes + codes, minlength=classes**2).reshape(classes, classes)
    return tuple(tuple(int(cell) for cell in line) for line in table)


def correct(codes: Codes, labels: Codes) -> NDArray[np.bool_]:
    """True [n] where the whole answer is right."""
    same: NDArray[np.bool_] = np.equal(codes, labels).reshape(len(labels), -1)
    right: NDArray[np.bool_] = np.logical_and.reduce(same, axis=1)
    return right


def majority_accuracy(labels: Codes) -> float:
    """Accuracy of always giving the answer that is most frequent in `labels`."""
    counts = np.unique(labels, axis=0, return_counts=True)[1]
    return float(counts.max() / len(labels))


def mcnemar(candidate: NDArray[np.bool_], champion: NDArray[np.bool_]) -> float:
    """One-sided exact McNemar test that `candidate` is right more often than `champion` on the same rows.

    Parameters
    ----------
    candidate, champion : bool [n], where each is right.

    Returns
    -------
    The p-value: the chance of at least so many of the rows on which just one of the two is right going to the
    candidate, were both equally good; 1 if there is no such row.

    Notes
    -----
    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947) 153-157, with the exact binomial distribution instead of the chi-squared one, since a
    held-out slice often has few discordant rows.
    """
    wins, losses = int((candidate & ~champion).sum()), int((champion & ~candidate).sum())
    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses, 0.5, alternative="greater").pvalue)
