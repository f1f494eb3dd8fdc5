"""What a drift changes: P(x), P(y|x) or P(y), each with the others as they were.

The world is a mixture of M regions; region m has weight w[m], a Gaussian N[m] in x, and an answer a[m]. Then
P(x) = Σ w[m] N[m](x) and P(y|x) = Σ P(m|x) [a[m] = y], so that

- moving x, with m drawn anew from the old P(m|x), changes P(x) and leaves P(y|x);
- changing a changes P(y|x) and leaves P(x), which a is not in;
- weighting the regions of an answer y alike by π'(y)/π(y) changes P(y) to π' and leaves P(x|y).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producers.fleet.world import World

# Of the new class mix: each next class is this much rarer. At 1 the mix would be even, near 0 a single class be left.
_RARER = 0.5


@dataclass(frozen=True, slots=True)
class DataShift:
    """Moves features along a direction of signs.

    Attributes
    ----------
    shift : float64 [N], in standard deviations of the numeric features.
    """

    shift: NDArray[np.float64]

    @classmethod
    def draw(cls, world: World, columns: list[int], magnitude: float, random: np.random.Generator) -> "DataShift":
        shift = np.zeros(world.numeric)
        shift[columns] = magnitude * random.choice([-1.0, 1.0], size=len(columns))
        return cls(shift)

    def apply(self, offsets: NDArray[np.float64], strength: NDArray[np.float64]) -> None:
        """Add to `offsets`, float64 [n, N], in place."""
        offsets += strength[:, None] * self.shift


@dataclass(frozen=True, slots=True)
class ConceptChange:
    """Gives regions another answer.

    Attributes
    ----------
    successor : int64 [A], the answer that each answer becomes; none stays.
    rank : int64 [M], the order in which the regions change.
    magnitude : share of the regions that change in all.
    """

    successor: NDArray[np.int64]
    rank: NDArray[np.int64]
    magnitude: float

    @classmethod
    def draw(cls, world: World, magnitude: float, random: np.random.Generator) -> "ConceptChange":
        count = len(world.answers)
        cycle = random.permutation(count)
        successor = np.empty(count, dtype=np.int64)
        successor[cycle] = np.roll(cycle, -1)
        # First one region of every answer, then the next of every: half the magnitude is half of each answer.
        order = np.concatenate([random.permutation(count) + start for start in range(0, world.regions, count)])
        return cls(successor, np.argsort(order), magnitude)

    def apply(self, answers: NDArray[np.int64], strength: NDArray[np.float64]) -> NDArray[np.int64]:
        """The answers of all regions at n rows, int64 [n, M], after the change."""
        changed = np.ceil(strength * self.magnitude * len(self.rank) - 1e-9)
        return np.where(self.rank < changed[:, None], self.successor[answers], answers)


@dataclass(frozen=True, slots=True)
class PriorChange:
    """Makes some classes frequent and others rare.

    Attributes
    ----------
    mix : float64 [A], the class mix at full strength.
    magnitude : share of the way to it.
    """

    mix: NDArray[np.float64]
    magnitude: float

    @classmethod
    def draw(cls, world: World, magnitude: float, random: np.random.Generator) -> "PriorChange":
        # Below 1% a class would be gone, and with it any test of what is known of it.
        mix = np.maximum(_RARER ** random.permutation(len(world.answers)).astype(np.float64), 0.01)
        return cls(mix / mix.sum(), magnitude)

    def apply(
        self, weights: NDArray[np.float64], answers: NDArray[np.int64], strength: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The weights of all regions at n rows, float64 [n, M], after the change; `answers` is [n, M]."""
        prior = np.stack([np.where(answers == a, weights, 0.0).sum(axis=1) for a in range(len(self.mix))], axis=1)
        share = (self.magnitude * strength)[:, None]
        wanted = np.where(prior > 0, (1 - share) * prior + share * self.mix, 0.0)
        wanted /= wanted.sum(axis=1, keepdims=True)
        factor = np.divide(wanted, prior, out=np.zeros_like(prior), where=prior > 0)
        return np.asarray(weights * np.take_along_axis(factor, answers, axis=1))
