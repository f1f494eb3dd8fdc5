"""What goes into a sliding window, and what comes out: records, their comparison with the reference, a finding."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.distribution.block import Start
from monitoring.distribution.criteria import Judgement
from monitoring.distribution.divergence import Comparison


@dataclass(frozen=True, slots=True)
class Rows:
    """n records on their way into the window, in the order of event time.

    Attributes
    ----------
    bins : flat bins, int64 [n, columns]; -1 for none.
    values : numbers whose mean and spread a person wants to read, float [n, M]; NaN is missing.
    partitions, offsets : place of each feature record, int64 [n].
    feature_ends, label_ends : next offsets once these records are read.
    """

    record_ids: list[str]
    event_times: NDArray[np.int64]
    bins: NDArray[np.int64]
    values: NDArray[np.float32]
    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    feature_ends: Mapping[int, int]
    label_ends: Mapping[int, int]

    def __len__(self) -> int:
        return len(self.record_ids)


@dataclass(frozen=True, slots=True)
class Current:
    """Some blocks together, compared with the reference."""

    judgement: Judgement
    counts: NDArray[np.int64]
    moments: NDArray[np.float64]
    rows: int

    @property
    def comparison(self) -> Comparison:
        return self.judgement.comparison


@dataclass(frozen=True, slots=True)
class BlockFinding:
    """The distribution has changed: since which block, and how it looks since then."""

    onset: Start
    window: Current

    @property
    def drifted(self) -> NDArray[np.int64]:
        return self.window.judgement.drifted
