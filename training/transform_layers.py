"""The transforms of numeric columns inside the graph, of operations that LiteRT holds exactly.

Each function adds nothing to the graph of a stream whose features ask for nothing.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from driftline.spec.features import NumericFeature
from training.runtime import keras
from training.transforms import Bounds

# Below this, log(1 + x) in float32 has lost half of x's digits to the 1, and three terms of its series are exact.
SMALL = 1e-2


def transform(raw: Any, features: Sequence[NumericFeature], bounds: Bounds | None) -> Any:
    """Columns cut to their `bounds`, then sign(x)·log(1 + |x|) where a feature's `transform` is log.

    Parameters
    ----------
    raw : float32 [n, N]; NaN is a missing value, and what stands in its place afterwards is unspecified: the
        caller fills it.
    """
    ops = keras.ops
    folded = np.array([feature.transform == "log" for feature in features])
    if bounds is None and not folded.any():
        return raw
    values = raw
    if bounds is not None:
        lower, upper = (ops.convert_to_tensor(bound[None, :]) for bound in bounds)
        values = ops.minimum(ops.maximum(values, lower), upper)
    if not folded.any():
        return values
    logs = ops.sign(values) * _log1p(ops.abs(values))
    return logs if folded.all() else ops.where(ops.convert_to_tensor(folded[None, :]), logs, values)


def cycles(raw: Any, missing: Any, features: Sequence[NumericFeature]) -> list[Any]:
    """Sines and cosines float32 [n, M] each of the M cyclic columns; both zero where the value is missing.

    The angle is taken of the remainder, not of the value: sine of a large argument depends on the library.
    """
    ops = keras.ops
    chosen = [j for j, feature in enumerate(features) if feature.transform == "cyclic"]
    period = np.array([[features[j].period for j in chosen]], dtype=np.float32)
    values = columns_of(ops.where(missing, 0.0, raw), chosen, len(features))
    angle = ops.mod(values, ops.convert_to_tensor(period)) * ops.convert_to_tensor(np.float32(2 * math.pi) / period)
    present = 1.0 - columns_of(ops.cast(missing, "float32"), chosen, len(features))
    return [ops.sin(angle) * present, ops.cos(angle) * present]


def columns_of(matrix: Any, chosen: list[int], width: int) -> Any:
    """The chosen of `width` columns; the matrix itself if those are all."""
    return matrix if len(chosen) == width else keras.ops.take(matrix, chosen, axis=1)


def _log1p(x: Any) -> Any:
    """log(1 + x) of x ≥ 0 in float32. Not `log1p`: LiteRT has none, and the converter would put log(1 + x) for it."""
    ops = keras.ops
    return ops.where(x < SMALL, x * (1.0 - x * (0.5 - x / 3.0)), ops.log(1.0 + x))
