"""How far the values of a column stray: fences, tails, and what a specification can do about them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FEWEST = 30
"""Values below which nothing is said: any few numbers have an extreme one."""
# Tukey, "Exploratory data analysis" (1977), 2C: beyond 1.5 times the spread outside, beyond 3 far out.
FENCE, FAR = 1.5, 3.0
# Of an exponential distribution, whose tail is the lightest that one would call heavy, it is 2.
SKEWED = 2.0
# Values this many spreads beyond the quartiles: a network that standardises the column has little left for the rest.
SPIKE = 20.0
CLIPPED = 0.01


@dataclass(frozen=True, slots=True)
class Outliers:
    """Of one column of numbers.

    Attributes
    ----------
    low, median, high : smallest, middle and largest value.
    skewness : third standardised moment, 0 where the column does not vary.
    beyond, far : share of values more than 1.5 and 3 times the interquartile range outside the quartiles; 0 where the
        quartiles are one value, and there is no spread to measure by.
    reach : how many interquartile ranges the farthest value lies outside the quartiles.
    suggests : what `features[]` would say, if anything.
    """

    low: float
    median: float
    high: float
    skewness: float
    beyond: float
    far: float
    reach: float
    suggests: Literal["log", "clip"] | None


def outliers(values: NDArray[np.float64]) -> Outliers | None:
    """Measure `values` [m], none missing; None of no value."""
    if not len(values):
        return None
    low, first, median, third, high = (float(q) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    spread = third - first
    outside = np.maximum(first - values, values - third) / spread if spread > 0 else np.zeros(len(values))
    skewness, reach = skew(values), float(outside.max(initial=0.0))
    found = Outliers(
        low, median, high, skewness, float((outside > FENCE).mean()), float((outside > FAR).mean()), reach, None
    )
    if len(values) < FEWEST:
        return found
    logarithms = np.sign(values) * np.log1p(np.abs(values))
    heavy = abs(skewness) > SKEWED and high - low > 10 * max(spread, 1e-300)
    suggests: Literal["log", "clip"] | None = None
    # Of values between -1 and 1 the logarithm is nearly the value, and bends nothing: then only cutting is left.
    if heavy and abs(skew(logarithms)) < abs(skewness) / 2:
        suggests = "log"
    elif reach > SPIKE:
        suggests = "clip"
    return Outliers(low, median, high, skewness, found.beyond, found.far, reach, suggests)


def skew(values: NDArray[np.float64]) -> float:
    """Third standardised moment; 0 of a constant."""
    # Scaled first: the cube of 1e200 is no float.
    largest = float(np.abs(values).max(initial=0.0))
    scaled = values / largest if largest > 0 else values
    centred = scaled - scaled.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / deviation**3) if deviation > 1e-9 else 0.0
