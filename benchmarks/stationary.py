"""Kinds of stationary stream: what a monitor must be silent about."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Generator = np.random.Generator
_PERIOD = 1_000
"""Records of a season."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of stationary stream.

    Attributes
    ----------
    weight : part of all records that go to it; wide streams cost more and get fewer.
    make : a new stream of this kind.
    training_rows, held_out_rows : of the reference that each model of it gets.
    """

    name: str
    says: str
    make: Callable[[Generator], "Stream"]
    weight: float = 1.0
    training_rows: int = 5_000
    held_out_rows: int = 1_000


@dataclass(slots=True)
class Stream:
    """A stream of one kind: each call gives the records that follow."""

    features: Callable[[int], NDArray[np.float64]]
    errors: Callable[[int], NDArray[np.bool_]]
    classes: Callable[[int], NDArray[np.int64]]
    width: int
    n_classes: int = 3
    categories: int = 0


def normal(rng: Generator, width: int) -> Callable[[int], NDArray[np.float64]]:
    return lambda n: rng.standard_normal((n, width), dtype=np.float32)


def autoregressive(rng: Generator, width: int, correlation: float) -> Callable[[int], NDArray[np.float64]]:
    state = [rng.standard_normal((1, width)) * correlation]
    scale = np.sqrt(1 - correlation**2)

    def make(n: int) -> NDArray[np.float64]:
        out, state[0] = lfilter(
            [1.0], [1.0, -correlation], rng.standard_normal((n, width)) * scale, axis=0, zi=state[0]
        )
        return out

    return make


def seasonal(rng: Generator, width: int) -> Callable[[int], NDArray[np.float64]]:
    at, phases = [0], rng.random(width) * 2 * np.pi

    def make(n: int) -> NDArray[np.float64]:
        time = np.arange(at[0], at[0] + n)[:, None] * (2 * np.pi / _PERIOD)
        at[0] += n
        return np.sin(time + phases) + 0.7 * rng.standard_normal((n, width))

    return make


def factors(rng: Generator, width: int) -> Callable[[int], NDArray[np.float64]]:
    loadings = rng.normal(size=(3, width))
    return lambda n: rng.standard_normal((n, 3)) @ loadings + 0.5 * rng.standard_normal((n, width))


def heavy(rng: Generator, width: int) -> Callable[[int], NDArray[np.float64]]:
    return lambda n: rng.standard_cauchy((n, width))


def discrete(rng: Generator, width: int) -> Callable[[int], NDArray[np.float64]]:
    rates = rng.uniform(0.2, 4, width)
    return lambda n: rng.poisson(rates, (n, width)).astype(np.float64)


def with_gaps(rng: Generator, width: int, share: float) -> Callable[[int], NDArray[np.float64]]:
    def make(n: int) -> NDArray[np.float64]:
        out = rng.standard_normal((n, width))
        out[rng.random((n, width)) < share] = np.nan
        return out

    return make


def independent(rng: Generator, rate: float) -> Callable[[int], NDArray[np.bool_]]:
    return lambda n: rng.random(n) < rate


def markov(rng: Generator, rate: float, correlation: float) -> Callable[[int], NDArray[np.bool_]]:
    """Runs of right and wrong, whose lengths are geometric; what a call leaves over begins the next."""
    leave, come = (1 - rate) * (1 - correlation), rate * (1 - correlation)
    rest: list[NDArray[np.bool_]] = [np.zeros(0, dtype=np.bool_)]

    def make(n: int) -> NDArray[np.bool_]:
        parts, have = [rest[0]], len(rest[0])
        while have < n:
            runs = max(int(n * come), 100)
            lengths = np.stack([rng.geometric(come, runs), rng.geometric(leave, runs)], axis=1).ravel()
            part = np.repeat(np.tile([False, True], runs), lengths)
            parts.append(part)
            have += len(part)
        whole = np.concatenate(parts)
        rest[0] = whole[n:]
        return whole[:n]

    return make


def seasonal_errors(rng: Generator, rate: float, swing: float) -> Callable[[int], NDArray[np.bool_]]:
    at = [0]

    def make(n: int) -> NDArray[np.bool_]:
        rates = rate + swing * np.sin(np.arange(at[0], at[0] + n) * (2 * np.pi / _PERIOD))
        at[0] += n
        out: NDArray[np.bool_] = rng.random(n) < rates
        return out

    return make


def mixed(rng: Generator, shares: list[float]) -> Callable[[int], NDArray[np.int64]]:
    return lambda n: rng.choice(len(shares), n, p=shares)


def seasonal_mix(rng: Generator) -> Callable[[int], NDArray[np.int64]]:
    at = [0]

    def make(n: int) -> NDArray[np.int64]:
        share = 0.5 + 0.2 * np.sin(np.arange(at[0], at[0] + n) * (2 * np.pi / _PERIOD))
        at[0] += n
        return (rng.random(n) < share).astype(np.int64)

    return make


def _three(rng: Generator) -> Callable[[int], NDArray[np.int64]]:
    return mixed(rng, [0.5, 0.3, 0.2])


KINDS: tuple[Kind, ...] = (
    Kind("iid-2%", "independent, error .02, 10 features",
         lambda r: Stream(normal(r, 10), independent(r, 0.02), _three(r), 10)),
    Kind("iid-10%", "independent, error .10, 33 features",
         lambda r: Stream(normal(r, 33), independent(r, 0.1), _three(r), 33)),
    Kind("iid-40%", "independent, error .40, 1 feature",
         lambda r: Stream(normal(r, 1), independent(r, 0.4), _three(r), 1)),
    Kind("small-reference", "independent, error .10, 10 features; 500 training rows, 120 held out",
         lambda r: Stream(normal(r, 10), independent(r, 0.1), _three(r), 10), training_rows=500, held_out_rows=120),
    Kind("markov-.3", "errors .10 correlated by .3",
         lambda r: Stream(normal(r, 5), markov(r, 0.1, 0.3), _three(r), 5)),
    Kind("markov-.7", "errors .20 correlated by .7",
         lambda r: Stream(normal(r, 5), markov(r, 0.2, 0.7), _three(r), 5)),
    Kind("ar-.5", "8 features correlated by .5 with the record before, errors .10 by .3",
         lambda r: Stream(autoregressive(r, 8, 0.5), markov(r, 0.1, 0.3), _three(r), 8)),
    Kind("ar-.9", "8 features correlated by .9 with the record before",
         lambda r: Stream(autoregressive(r, 8, 0.9), independent(r, 0.1), _three(r), 8)),
    Kind("seasonal", "period 1,000: 8 features, class mix, and error .10 ± .03",
         lambda r: Stream(seasonal(r, 8), seasonal_errors(r, 0.1, 0.03), seasonal_mix(r), 8, n_classes=2)),
    Kind("heavy-tailed", "10 Cauchy features",
         lambda r: Stream(heavy(r, 10), independent(r, 0.1), _three(r), 10)),
    Kind("imbalanced", "classes 98.5, 1 and .5 %, error .01",
         lambda r: Stream(normal(r, 10), independent(r, 0.01), mixed(r, [0.985, 0.01, 0.005]), 10)),
    Kind("discrete", "10 counts and a categorical feature of 30 values, some rare; 10 classes",
         lambda r: Stream(discrete(r, 10), independent(r, 0.1), mixed(r, [0.1] * 10), 10, 10, categories=30)),
    Kind("missing", "10 features, a fifth of the values missing",
         lambda r: Stream(with_gaps(r, 10, 0.2), independent(r, 0.1), _three(r), 10)),
    Kind("correlated", "50 features of 3 common factors",
         lambda r: Stream(factors(r, 50), independent(r, 0.1), _three(r), 50), weight=0.5),
    Kind("wide", "200 features",
         lambda r: Stream(normal(r, 200), independent(r, 0.1), _three(r), 200), weight=0.25),
)  # fmt: skip
