"""Expected confusion of answers whose truth is not known, and what F1 follows from it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Two-sided 95 %.
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Expected:
    """Answers of one class against the rest, for each of K classes; float64 [K] unless said.

    Attributes
    ----------
    answered : answers with the class; known, not expected.
    hits : how many of them are expected to be right.
    missed : other answers that are expected to be of the class in truth.
    hits_variance, missed_variance : of the two, by the chance of the answers and by that of the rates.
    confusion : expected records by answer (line) and truth (column), float64 [K, K]; for a multilabel stream of each
        class the answers no and yes (line) against the truth no and yes (column), float64 [K, 2, 2].
    rows : answers in all.
    """

    answered: Floats
    hits: Floats
    missed: Floats
    hits_variance: Floats
    missed_variance: Floats
    confusion: Floats
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class ClassEstimates:
    """Estimated F1 of each class with its 95 % interval, float64 [K]; nan of a class that is hardly expected at all.

    Attributes
    ----------
    confusion : see `Expected`; empty if nothing is estimated.
    rows : answers that it is of.
    """

    f1: Floats = field(default_factory=lambda: np.zeros(0))
    low: Floats = field(default_factory=lambda: np.zeros(0))
    high: Floats = field(default_factory=lambda: np.zeros(0))
    confusion: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    rows: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassEstimates) and all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True) for name in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def macro_f1(self) -> float:
        """Mean over the classes that have one; nan without."""
        known = self.f1[~np.isnan(self.f1)]
        return float(known.mean()) if len(known) else float("nan")


def expected_of_one(counts: Floats, rates: Floats, known: Floats, shares: Floats, shares_known: Floats) -> Expected:
    """For streams of one class a record.

    Parameters
    ----------
    counts : answers by class and bin of confidence, [K, B].
    rates : how often those are right, [K, B], learnt from `known` rows, [K, B].
    shares : of wrong answers with each class (line), how they divide among the true ones (column), [K, K] with lines
        that add up to 1 and nothing on the diagonal, learnt from `shares_known` rows, [K].
    """
    spread = rates * (1 - rates)
    hits = (counts * rates).sum(axis=1)
    # Answers of one cell share its rate, so an error in the rate is one of them all: it grows with their square.
    hits_variance = (counts * spread + counts**2 * spread / known).sum(axis=1)
    wrong = counts * (1 - rates)
    of_answer = wrong.sum(axis=1)
    pairs = of_answer[:, None] * shares
    chance = pairs - (wrong * (1 - rates)).sum(axis=1)[:, None] * shares**2
    rate_error = (counts**2 * spread / known).sum(axis=1)[:, None] * shares**2
    share_error = of_answer[:, None] ** 2 * shares * (1 - shares) / shares_known[:, None]
    return Expected(
        answered=counts.sum(axis=1),
        hits=hits,
        missed=pairs.sum(axis=0),
        hits_variance=hits_variance,
        missed_variance=(np.maximum(chance, 0.0) + rate_error + share_error).sum(axis=0),
        confusion=pairs + np.diag(hits),
        rows=round(counts.sum()),
    )


def expected_of_several(counts: Floats, rates: Floats, known: Floats) -> Expected:
    """For multilabel streams, where each class is a question of its own.

    Parameters
    ----------
    counts : rows by class, answer (no, yes) and bin of the class's probability, [K, 2, B].
    rates : how often the class is true there, [K, 2, B], learnt from `known` rows, [K, 2, B].
    """
    spread = rates * (1 - rates)
    true = (counts * rates).sum(axis=2)
    variance = (counts * spread + counts**2 * spread / known).sum(axis=2)
    total = counts.sum(axis=2)
    return Expected(
        answered=total[:, 1],
        hits=true[:, 1],
        missed=true[:, 0],
        hits_variance=variance[:, 1],
        missed_variance=variance[:, 0],
        confusion=np.stack([total - true, true], axis=2),
        rows=round(total[0].sum()),
    )


def f1_of(expected: Expected, excess: Floats) -> ClassEstimates:
    """F1 of expected counts, 2 TP / (2 TP + FP + FN), and its interval by the delta method.

    Parameters
    ----------
    excess : variance of F1 beyond chance, as earlier comparisons with the truth have shown, [K].
    """
    bottom = expected.answered + expected.hits + expected.missed
    # A class of which not even one record is expected, answered or true, has no F1 worth a number.
    there = bottom >= 1.0
    safe = np.where(there, bottom, 1.0)
    f1 = np.where(there, 2 * expected.hits / safe, np.nan)
    by_hit = 2 * (expected.answered + expected.missed) / safe**2
    by_miss = 2 * expected.hits / safe**2
    variance = by_hit**2 * expected.hits_variance + by_miss**2 * expected.missed_variance + excess
    reach = _Z * np.sqrt(variance)
    return ClassEstimates(
        f1, np.maximum(f1 - reach, 0.0), np.minimum(f1 + reach, 1.0), expected.confusion, expected.rows
    )
