"""Which records people should label next, when they can label only a few."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from driftline.wire.predictions import Predictions

Why = Literal["uncertain", "random"]
# Share of the list that is drawn blindly. Labels that were chosen by the model's doubt say nothing about how often it
# is right; these do.
_RANDOM = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record whose truth is wanted.

    Attributes
    ----------
    margin : how far the two likeliest answers are apart, 0 to 1; for several classes at once, how far the least sure
        yes-or-no is from a half, doubled.
    why : 'uncertain': the model learns most from it. 'random': it says how good the model is.
    """

    record_id: str
    device_id: str
    event_time: int
    answer: str
    confidence: float
    margin: float
    why: Why


def wanted(
    predictions: Predictions, labelled: Collection[str], n: int, *, multilabel: bool, since: int = 0, seed: int = 0
) -> list[Wanted]:
    """Choose `n` records, or as many as there are: half of them at random, half by uncertainty.

    Parameters
    ----------
    predictions : newest last; of a record that was answered twice, the last counts.
    labelled : ids of records whose truth is known.
    since : event time from which on records are chosen first: the onset of a drift that stands. Records from before it
        are taken only if there are too few.
    seed : of the random half; the same list for the same records.

    Notes
    -----
    Margin sampling (Scheffer, Decomain, Wrobel, "Active hidden Markov models for information extraction", IDA 2001),
    spread over devices and answers in turn, so that one odd sensor does not fill the list.
    """
    newest = {record_id: row for row, record_id in enumerate(predictions.record_ids)}
    rows = np.array([row for record_id, row in newest.items() if record_id not in labelled], dtype=np.int64)
    if not len(rows) or n < 1:
        return []
    recent = rows[predictions.event_times[rows] >= since]
    if len(recent) < n:
        older = rows[predictions.event_times[rows] < since]
        older = older[np.argsort(predictions.event_times[older], kind="stable")]
        recent = np.concatenate([older[len(older) - min(n - len(recent), len(older)) :], recent])
    apart = margins(predictions.probabilities[recent], multilabel)
    blind = np.random.default_rng(seed).permutation(len(recent))[: round(n * _RANDOM)]
    left = np.setdiff1d(np.arange(len(recent)), blind)
    doubtful = left[np.argsort(apart[left], kind="stable")]
    groups = [(predictions.device_ids[recent[i]], _text(predictions.answers[recent[i]])) for i in doubtful.tolist()]
    chosen = doubtful[in_turn(groups)][: n - len(blind)]
    picked: list[tuple[int, Why]] = [(i, "uncertain") for i in chosen.tolist()]
    picked += [(i, "random") for i in blind.tolist()]
    return [
        Wanted(
            record_id=predictions.record_ids[row := int(recent[i])],
            device_id=predictions.device_ids[row],
            event_time=int(predictions.event_times[row]),
            answer=_text(predictions.answers[row]),
            confidence=round(float(predictions.confidences[row]), 6),
            margin=round(float(apart[i]), 6),
            why=why,
        )
        for i, why in picked
    ]


def margins(probabilities: NDArray[np.float32], multilabel: bool) -> NDArray[np.float64]:
    """How far the two likeliest answers are apart, float64 [n], of probabilities [n, K]; see `Wanted.margin`."""
    if multilabel:
        doubt: NDArray[np.float64] = 2 * np.abs(probabilities.astype(np.float64) - 0.5).min(axis=1)
        return doubt
    ordered = np.sort(probabilities.astype(np.float64), axis=1)
    apart: NDArray[np.float64] = ordered[:, -1] - ordered[:, -2]
    return apart


def _text(answer: str | list[str]) -> str:
    return answer if isinstance(answer, str) else ";".join(answer)


def in_turn(groups: list[tuple[str, str]]) -> NDArray[np.int64]:
    """The first of each group, then the second of each, and so on; within a turn the order given."""
    seen: dict[tuple[str, str], int] = {}
    turns = np.empty(len(groups), dtype=np.int64)
    for place, group in enumerate(groups):
        turns[place] = seen.get(group, 0)
        seen[group] = seen.get(group, 0) + 1
    return np.argsort(turns, kind="stable")
