"""Whether a candidate gains in the figure that `rollout.metric` names, and not only in right answers."""

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.spec.stream import StreamSpec
from training.data import Codes
from training.evaluate import correct, majority_accuracy, mcnemar
from training.figures import Floats, figures

RESAMPLES = 1_000
"""Of the paired bootstrap; the smallest p-value is one in so many and one."""
# Rows times classes times resamples beyond which fewer are drawn, but never so few that p = 0.01 could not be reached.
_WORK = 60_000_000
_FEWEST = 200
# Rows times resamples held at once: some 30 MB.
_CELLS = 4_000_000

Answered = tuple[Decision, NDArray[np.float32]]
"""How a model decides, and its probabilities float32 [n, K]."""


def paired_test(spec: StreamSpec, labels: Codes, candidate: Answered, champion: Answered) -> float:
    """The one-sided p-value that `rollout.test` asks for: that the candidate is no better on such rows.

    Parameters
    ----------
    candidate, champion : answers to the same rows as `labels`, int64 [n] or bool [n, K].
    """
    if spec.rollout.test == "bootstrap":
        return bootstrap(spec, labels, candidate, champion, seed=spec.training.seed)
    right = [correct(decision.codes(probabilities), labels) for decision, probabilities in (candidate, champion)]
    return mcnemar(right[0], right[1])


def bootstrap(spec: StreamSpec, labels: Codes, candidate: Answered, champion: Answered, *, seed: int = 1) -> float:
    """Share of resamples of the rows in which the candidate gains nothing in `rollout.metric`.

    Notes
    -----
    The paired bootstrap of Koehn, "Statistical significance tests for machine translation evaluation" (EMNLP 2004),
    section 4: both models answer the same resample. (1 + count) / (1 + resamples), so that it is never 0. Resamples
    that do not have the figure are left out; 1 if none has it.
    """
    n, classes = candidate[1].shape
    metric, rng = spec.rollout.metric, np.random.default_rng(seed)
    left = min(RESAMPLES, max(_WORK // max(n * classes, 1), _FEWEST))
    gains: list[Floats] = []
    while left > 0:
        draws = min(left, max(_CELLS // n, 1))
        left -= draws
        weights = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
        ours, theirs = (
            figures(spec.task, probabilities, decision.codes(probabilities), labels, weights)[metric]
            for decision, probabilities in (candidate, champion)
        )
        gains.append(ours - theirs)
    found = np.concatenate(gains)
    found = found[np.isfinite(found)]
    # A gain of a rounding error is none: the same answers, summed in another order.
    return float((1 + (found <= 1e-12).sum()) / (1 + len(found)))


def majority(spec: StreamSpec, labels: Codes) -> float | None:
    """`rollout.metric` of always giving the answer that is most frequent in `labels`; None where it has none."""
    if spec.rollout.metric == "accuracy":
        return majority_accuracy(labels)
    answers, counts = np.unique(labels, axis=0, return_counts=True)
    always = np.repeat(answers[counts.argmax()][None], len(labels), axis=0)
    sure = always if labels.ndim == 2 else np.eye(len(spec.classes))[always.astype(np.int64)]
    one = np.ones((1, len(labels)))
    found = float(figures(spec.task, sure.astype(np.float32), always, labels, one)[spec.rollout.metric][0])
    return found if np.isfinite(found) else None
