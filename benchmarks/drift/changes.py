"""What is done to a stationary stream from a known point on."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["label-swap", "feature-permutation", "prior-shift", "feature-filter", "value-shift", "concept-switch"]
INJECTED: tuple[Kind, ...] = ("label-swap", "feature-permutation", "prior-shift", "feature-filter", "value-shift")
# Cerqueira et al. leave out three of four records of the chosen class.
_SKIPPED = 0.75


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of change, how big it is (1 is that of the protocol), and whether it comes at once or over a ramp."""

    kind: Kind
    size: float
    gradual: bool

    @property
    def name(self) -> str:
        return f"{self.kind} {self.size:g} {'gradual' if self.gradual else 'abrupt'}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Records: features float32 [n, d], class codes int64 [n], and positions in the stream int64 [n], ascending."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen: slice | NDArray[np.bool_]) -> "Rows":
        return Rows(self.x[chosen], self.y[chosen], self.position[chosen])


@dataclass(frozen=True, slots=True)
class Altered:
    """n records as they would be in the new world: features, classes, and whether they come at all, bool [n]."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    comes: NDArray[np.bool_]


def altered(rng: np.random.Generator, kind: Kind, size: float, rows: Rows, clean: Rows) -> Altered:
    """The records `rows` after a change, drawn by `rng`.

    - label-swap: one class becomes another, in a share `size` of its records;
    - feature-permutation: a share `size` of the features exchange their values;
    - prior-shift: a share 0.75 `size` of one class's records stays away;
    - feature-filter: a share `size` of the records above the median of one feature stays away;
    - value-shift: half of the features rise by `size` of their standard deviations.

    The last is none of the protocol's; the others are, at size 1.

    Parameters
    ----------
    clean : records from before, for medians and deviations.
    """
    x, y = rows.x, rows.y
    n, d = x.shape
    comes = np.ones(n, dtype=np.bool_)
    classes = np.unique(clean.y)
    chosen, other = rng.choice(classes, 2, replace=False)
    hit = rng.random(n) < (_SKIPPED * size if kind == "prior-shift" else size)
    if kind == "label-swap":
        y = np.where((y == chosen) & hit, other, y)
    elif kind == "feature-permutation":
        columns = rng.choice(d, min(max(2, round(size * d)), d), replace=False)
        x = x.copy()
        x[:, columns] = x[:, rng.permutation(columns)]
    elif kind == "prior-shift":
        comes = ~((y == chosen) & hit)
    elif kind == "feature-filter":
        column = int(rng.integers(d))
        comes = ~((x[:, column] > np.median(clean.x[:, column])) & hit)
    elif kind == "value-shift":
        columns = rng.choice(d, max(1, d // 2), replace=False)
        x = x.copy()
        x[:, columns] += np.float32(size) * clean.x[:, columns].std(axis=0)
    else:
        raise ValueError(f"{kind} is not injected")
    return Altered(x, y, comes)


def mixed(rng: np.random.Generator, rows: Rows, new: Altered, width: int) -> Rows:
    """Rows of the old and the new world: the new one's share rises from 0 to 1 over `width` records (0: at once)."""
    since = rows.position - rows.position[0] if len(rows) else rows.position
    applied = since >= width
    if width:
        applied |= rng.random(len(rows)) < since / width
    mix = Rows(np.where(applied[:, None], new.x, rows.x), np.where(applied, new.y, rows.y), rows.position)
    return mix[~applied | new.comes]
