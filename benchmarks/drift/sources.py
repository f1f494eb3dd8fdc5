"""Where stationary streams come from: real files, shuffled, and river's generators."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.drift.changes import INJECTED, Altered, Kind, Rows, altered

KNOWN_CHANGES: dict[str, tuple[int, ...]] = {"insects_abrupt": (1_775, 3_550), "insects_gradual": (14_028,)}
"""Rows of the known changes, by the name of the file; a gradual one by its centre."""

# Rows of a stream. The protocol takes 100,000; shuffled rows are all alike, and a third costs a third.
_MOST_ROWS = 30_000
_POOL = 12_000


class Source(Protocol):
    """A stationary stream that can be had in any number of draws, and what can be done to it."""

    name: str
    classes: int
    max_delay: int
    kinds: tuple[Kind, ...]

    def clean(self, rng: np.random.Generator) -> Rows:
        """A whole stream without a change."""

    def after(self, rng: np.random.Generator, kind: Kind, size: float, rows: Rows, clean: Rows) -> Altered:
        """What `rows` would be after a change, given `clean` rows from before it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file in its own order: features float32 [n, d], class codes int64 [n]."""

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]

    @property
    def rows(self) -> Rows:
        return Rows(self.x, self.y, np.arange(len(self.y)))


def read(file: Path) -> Table:
    """A CSV with a header, numbers, the label in the last column; a column `ID` is left out."""
    frame = pd.read_csv(file).drop(columns="ID", errors="ignore")
    name = file.name.split(".")[0]
    if name not in KNOWN_CHANGES:
        frame = frame.dropna()
    _, y = np.unique(frame.iloc[:, -1].to_numpy(), return_inverse=True)
    return Table(name, frame.iloc[:, :-1].to_numpy(np.float32), y.astype(np.int64))


def max_delay_of(rows: int) -> int:
    """The window of a stream of so many rows, after the protocol: 2,500, but 1,500 and 500 for short streams."""
    return 2_500 if rows >= 20_000 else 1_500 if rows >= 10_000 else 500


class Shuffled:
    """A file's rows in random order: of its true history, which may drift, nothing is left."""

    def __init__(self, table: Table) -> None:
        keep = np.ones(len(table.y), dtype=np.bool_)
        if table.name == "insects_abrupt":
            keep[slice(*KNOWN_CHANGES["insects_abrupt"])] = False
        self._x, self._y = table.x[keep], table.y[keep]
        self.name = table.name
        self.classes = int(table.y.max()) + 1
        self.max_delay = max_delay_of(len(self._y))
        self.kinds: tuple[Kind, ...] = INJECTED

    def clean(self, rng: np.random.Generator) -> Rows:
        order = rng.permutation(len(self._y))[:_MOST_ROWS]
        return Rows(self._x[order], self._y[order], np.arange(len(order)))

    def after(self, rng: np.random.Generator, kind: Kind, size: float, rows: Rows, clean: Rows) -> Altered:
        return altered(rng, kind, size, rows, clean)


class Generated:
    """A generator with several concepts: the change is from one to another, both drawn by chance.

    Parameters
    ----------
    concepts : one stream of (features, label) for each concept.
    """

    def __init__(self, name: str, concepts: Iterable[Iterable[tuple[dict[Any, Any], Any]]]) -> None:
        self.name = name
        self.max_delay = 1_000
        self.kinds: tuple[Kind, ...] = ("concept-switch",)
        self._pools = [_numbers(islice(stream, _POOL)) for stream in concepts]
        self.classes = max(int(y.max()) for _, y in self._pools) + 1
        self._concept = 0

    def clean(self, rng: np.random.Generator) -> Rows:
        self._concept = int(rng.integers(len(self._pools)))
        x, y = self._pools[self._concept]
        order = rng.permutation(len(y))
        return Rows(x[order], y[order], np.arange(len(order)))

    def after(self, rng: np.random.Generator, kind: Kind, size: float, rows: Rows, clean: Rows) -> Altered:
        others = [i for i in range(len(self._pools)) if i != self._concept]
        x, y = self._pools[rng.choice(others)]
        order = rng.permutation(len(y))[: len(rows)]
        return Altered(x[order], y[order], np.ones(len(rows), dtype=np.bool_))


def generators(seed: int) -> list[Source]:
    """SEA, AGRAWAL, LED, RandomRBF and Sine of river, with 10 % noise where they have any."""
    from river.datasets import synth

    led = {"noise_percentage": 0.1, "irrelevant_features": True, "seed": seed}
    concepts: dict[str, list[Any]] = {
        "sea": [synth.SEA(variant=v, noise=0.1, seed=seed) for v in range(4)],
        "agrawal": [synth.Agrawal(function, seed=seed, perturbation=0.1) for function in range(10)],
        "led": [synth.LEDDrift(n_drift_features=moved, **led) for moved in (0, 2, 4, 7)],
        "rbf": [synth.RandomRBF(seed_model=model, seed_sample=seed, n_classes=3) for model in range(4)],
        "sine": [synth.Sine(function, seed=seed) for function in range(4)],
    }
    return [Generated(name, streams) for name, streams in concepts.items()]


def _numbers(records: Iterable[tuple[dict[Any, Any], Any]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    values, labels = zip(*records, strict=True)
    x = np.array([list(row.values()) for row in values], dtype=np.float32)
    return x, np.array(labels).astype(np.int64)
