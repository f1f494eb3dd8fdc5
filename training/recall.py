"""Answering a drift without training: the world may have gone back to what an older version knows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.model.scorer import Scorer
from driftline.registry.manifest import Evaluation
from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.evaluate import correct, evaluate
from training.learnable import learnable
from training.paired import better_on_stretch

# Accuracy an archived version must gain over the model in service: less would be a reason to train, not to go back.
MINIMUM_GAIN = 0.05
# How far below its own held-out accuracy, when it was made, it may score on the window. A version that is merely less
# wrong than a broken champion does not know this world either, and recalling it would keep a good model from being
# trained.
MAXIMUM_LOSS = 0.08
# On few rows even a version that knows this world may score lower than that: half of the loss, and two standard errors.
_ERRORS = 2.0


def allowed_loss(accuracy: float, rows: int) -> float:
    """How far below `accuracy` a version may score on `rows` rows and still be taken to know this world.

    >>> [round(allowed_loss(0.94, rows), 3) for rows in (50, 100, 1_000)]
    [0.107, 0.087, 0.08]
    """
    return max(MAXIMUM_LOSS, MAXIMUM_LOSS / 2 + _ERRORS * math.sqrt(accuracy * (1 - accuracy) / rows))


@dataclass(frozen=True, slots=True)
class Archived:
    """A version of the registry that is not in service, ready to score."""

    version: int
    scorer: Scorer
    accuracy: float
    """Of its candidate on the slice held out when it was made."""
    decision: Decision | None = None
    """By its own thresholds; None if it has none."""


@dataclass(frozen=True, slots=True)
class Recall:
    """An archived version that fits the window, beside the model in service."""

    version: int
    evaluation: Evaluation
    champion: Evaluation
    p_value: float

    @property
    def reasons(self) -> tuple[str, ...]:
        return (
            f"version {self.version} scores {self.evaluation.accuracy:.3f} on the window's {self.evaluation.rows} "
            f"rows, against {self.champion.accuracy:.3f} of the model in service",
            f"paired test: p = {self.p_value:.2g}; recalled without training",
        )


@dataclass(frozen=True, slots=True)
class Search:
    """What became of looking through the archive.

    Attributes
    ----------
    found : the version that fits best, None if none does.
    champion : the model in service on the same rows.
    closest : the most accurate archived version on these rows and its accuracy, whether it fits or not.
    learnt : accuracy that these rows teach by themselves, where that is why nothing was recalled.
    """

    found: Recall | None
    champion: Evaluation
    closest: tuple[int, float] | None
    learnt: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why nothing was recalled, or what was."""
        if self.found is not None:
            return self.found.reasons
        rows = f"the window's {self.champion.rows} rows"
        if self.closest is None:
            return ("no archived version can answer this stream",)
        version, accuracy = self.closest
        if self.learnt is not None:
            return (
                f"version {version} scores {accuracy:.3f} on {rows}, but a logistic regression that learns from them "
                f"answers {self.learnt:.3f} of them rightly: a new model will know this world better",
            )
        return (
            f"no archived version fits: version {version} comes closest with {accuracy:.3f} on {rows}, against "
            f"{self.champion.accuracy:.3f} of the model in service",
        )


def best_archived(
    spec: StreamSpec,
    dataset: Dataset,
    champion: Scorer,
    archived: Sequence[Archived],
    decision: Decision | None = None,
) -> Recall | None:
    """The archived version that fits all rows of `dataset` best, if it is significantly better than the champion."""
    return search(spec, dataset, champion, archived, decision).found


def search(
    spec: StreamSpec,
    dataset: Dataset,
    champion: Scorer,
    archived: Sequence[Archived],
    decision: Decision | None = None,
    *,
    former: bool = False,
) -> Search:
    """Look for an archived version that fits all rows of `dataset`.

    The rows are new to every version, so all of them count. The p-value is multiplied by the number of versions
    tried (Bonferroni): the best of twenty looks good by chance. Every version decides by its own thresholds;
    `decision` is the champion's. A version that was never good fits many worlds as badly as its own; so what fits must
    also hold against what these rows teach by themselves (`training.learnable`).

    Parameters
    ----------
    former : these are versions to go back to. They need not be as accurate as when they were made: the mistake is the
        version that replaced them.
    """

    def answered(scorer: Scorer, decision: Decision | None) -> tuple[Evaluation, NDArray[np.bool_]]:
        probabilities = scorer.score(dataset.columns)
        decision = decision or Decision(spec)
        right = correct(decision.codes(probabilities), dataset.labels)
        return evaluate(spec, probabilities, dataset.labels, decision), right

    in_service, champion_right = answered(champion, decision)
    best: Recall | None = None
    best_right: NDArray[np.bool_] | None = None
    closest: tuple[int, float] | None = None
    for candidate in archived:
        evaluation, right = answered(candidate.scorer, candidate.decision)
        if closest is None or evaluation.accuracy > closest[1]:
            closest = (candidate.version, evaluation.accuracy)
        p_value = min(1.0, better_on_stretch(right, champion_right) * len(archived))
        gain = evaluation.accuracy - in_service.accuracy
        fits = (
            gain > MINIMUM_GAIN
            and (former or evaluation.accuracy >= candidate.accuracy - allowed_loss(candidate.accuracy, len(dataset)))
            and p_value < spec.rollout.significance
        )
        if fits and (best is None or evaluation.accuracy > best.evaluation.accuracy):
            best, best_right = Recall(candidate.version, evaluation, in_service, p_value), right
    if best is not None and best_right is not None and not former:
        taught, rows = learnable(spec, dataset)
        if better_on_stretch(taught, best_right[-rows:]) < spec.rollout.significance:
            return Search(None, in_service, (best.version, best.evaluation.accuracy), float(taught.mean()))
    return Search(best, in_service, closest)
