"""Whether two forms of a network answer alike: compared on real rows, whole and with values knocked out."""

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.model.columns import Columns
from driftline.model.scorer import Scorer
from driftline.registry.manifest import Parity
from driftline.spec.stream import StreamSpec

# Newest rows that parity is checked on, and as many again with values knocked out.
PARITY_ROWS = 512


def compare(spec: StreamSpec, one: Scorer, other: Scorer, columns: Columns, decision: Decision | None = None) -> Parity:
    """Score the newest rows, and the same rows with every second value missing, by both."""
    rows = sample(columns)
    return difference(spec, one.score(rows), other.score(rows), decision)


def sample(columns: Columns) -> Columns:
    """The rows that forms are compared on: at most `PARITY_ROWS` newest, then the same with holes."""
    newest = columns.take(slice(max(len(columns) - PARITY_ROWS, 0), None))
    return Columns.concatenate([newest, knocked_out(newest)])


def difference(
    spec: StreamSpec,
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    decision: Decision | None = None,
) -> Parity:
    """How far two tables of probabilities float32 [n, K] lie apart, and how many answers differ."""
    decision = decision or Decision(spec)
    changed = decision.codes(first) != decision.codes(second)
    return Parity(
        rows=len(first),
        # A NaN must not pass for agreement.
        largest_difference=float(np.nan_to_num(np.abs(first - second), nan=1.0).max()),
        decisions_changed=int(changed.any(axis=1).sum() if changed.ndim == 2 else changed.sum()),
    )


def knocked_out(columns: Columns) -> Columns:
    """The same rows with every second value missing, alternating by row and column."""
    numeric, categorical, text = columns.numeric.copy(), columns.categorical.copy(), columns.text.copy()
    numeric[_checkered(numeric.shape)] = np.nan
    categorical[_checkered(categorical.shape)] = None
    text[_checkered(text.shape)] = None
    return Columns(numeric, categorical, text)


def _checkered(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2 == 0
    return mask
