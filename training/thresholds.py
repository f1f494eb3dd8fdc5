"""From which probability on a class holds: learnt on the validation rows, of calibrated probabilities."""

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from driftline.spec.training import DecisionSpec
from training.data import Codes

# A class that occurs in fewer validation rows than this, or is absent from fewer, keeps 0.5: the best threshold of
# one or two rows is chance.
FEWEST = 3
HALF = 0.5


def learn_thresholds(
    spec: StreamSpec, probabilities: NDArray[np.float32], labels: Codes
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Thresholds by `training.decision.thresholds`, and what to say of them.

    Parameters
    ----------
    probabilities : float32 [n, K], of the validation rows; labels : of the same rows.

    Returns
    -------
    One threshold for binary (of the positive class), K for multilabel, each exact in float32; and a note for each class
    that keeps 0.5 because too few rows speak for one or the other.
    """
    chosen = spec.training.decision
    binary = spec.task == "binary"
    scores = probabilities[:, 1:] if binary else probabilities
    truth = labels.reshape(len(labels), -1).astype(bool)
    thresholds, notes = [], []
    for k, name in enumerate(spec.classes[1:] if binary else spec.classes):
        holds = int(truth[:, k].sum())
        if min(holds, len(truth) - holds) < FEWEST:
            notes.append(
                f"threshold of {name!r} left at {HALF}: {holds} of {len(truth)} validation rows are of it, "
                f"and learning one needs {FEWEST} of either kind"
            )
            thresholds.append(HALF)
        else:
            thresholds.append(best_threshold(chosen, scores[:, k], truth[:, k]))
    return tuple(thresholds), tuple(notes)


def best_threshold(chosen: DecisionSpec, scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The best of all thresholds that tell the rows apart; of equally good ones the highest.

    Parameters
    ----------
    scores : float32 [n], probabilities of the class; truth : bool [n], at least one True.

    Notes
    -----
    Each row of the precision-recall curve is one candidate. The threshold lies half-way to the next lower score, where
    it is furthest from both. F-beta: van Rijsbergen, "Information Retrieval", 2nd ed. 1979, ch. 7. Cost: on the rows
    and not by the formula of probabilities that were honest (Elkan, IJCAI 2001, §2), which they need not be.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # the last row of each score
    cuts, true_positive = ranked[last], hits[last].astype(np.float64)
    answered = (last + 1).astype(np.float64)
    positives, n = float(hits[-1]), float(len(ranked))
    below = np.append(cuts[1:], np.float32(0))
    halfway = ((cuts + below) / np.float32(2)).astype(np.float32)
    # Neighbouring floats have nothing between them: the cut itself, so that the lower one stays out.
    cuts = np.where(halfway > below, halfway, cuts)
    if chosen.thresholds == "f-beta":
        squared = chosen.beta**2
        quality = (1 + squared) * true_positive / (squared * positives + answered)
    elif chosen.thresholds == "recall":
        # A share of rows is a quotient: 4 / 5 must count as 0.8.
        enough = true_positive / positives >= chosen.minimum_recall - 1e-12
        quality = np.where(enough, true_positive / answered, -1.0)
    else:
        assert chosen.cost is not None
        (true_no, false_yes), (false_no, true_yes) = chosen.cost
        # Last: no row at all, which is what a class costs whose false alarms are dearer than all it finds.
        true_positive = np.append(true_positive, 0.0)
        answered = np.append(answered, 0.0)
        highest = ranked[0]
        cuts = np.append(cuts, np.nextafter(np.float32((highest + 1) / 2), np.float32(2)))
        wrong = answered - true_positive
        missed = positives - true_positive
        quality = -(
            true_yes * true_positive + false_yes * wrong + false_no * missed + true_no * (n - answered - missed)
        )
    return float(cuts[int(np.argmax(quality))])
