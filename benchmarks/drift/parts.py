"""What a watcher gets, and what it must be."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.learners import Evaluation


@dataclass(frozen=True, slots=True)
class Part:
    """Records on their way to a watcher: what it may look at, one row each.

    Attributes
    ----------
    x : features, float32 [n, d].
    predicted, actual : class codes, int64 [n].
    """

    x: NDArray[np.float32]
    predicted: NDArray[np.int64]
    actual: NDArray[np.int64]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        different: NDArray[np.bool_] = self.predicted != self.actual
        return different

    def __len__(self) -> int:
        return len(self.actual)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a watcher is told before the first record: the model's evaluation, and the rows it was trained on.

    Attributes
    ----------
    trained_on, labels : features float32 [n, d] and class codes int64 [n].
    """

    evaluation: Evaluation
    trained_on: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: int


class Watcher(Protocol):
    """Watches one stream."""

    @property
    def names(self) -> tuple[str, ...]:
        """What its alarms are called; several if it raises alarms of several kinds."""

    def watch(self, part: Part) -> list[NDArray[np.int64]]:
        """Take the next records; for each of `names`, the rows of `part` at which it raised an alarm, ascending."""

    def fork(self) -> "Watcher":
        """Another that knows the same."""
