"""What is done to numeric columns before they are normalised: outliers cut, heavy tails folded. No TensorFlow here.

`training.transform_layers` does the same inside the graph.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftline.spec.features import NumericFeature

Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Lower and upper, float32 [N]; float32's own ends for a column that is not cut."""


def quantile_bounds(features: Sequence[NumericFeature], values: NDArray[np.float32]) -> Bounds | None:
    """The quantiles `clip` and 1 - `clip` of each column, from the values present.

    Parameters
    ----------
    values : float32 [n, N] of training rows only, raw; NaN is a missing value.

    Returns
    -------
    None if no feature asks for it. A column without a value is not cut.

    Notes
    -----
    Winsorising: Tukey, "The future of data analysis", Annals of Mathematical Statistics 33(1):1-67 (1962), section 3.
    """
    if not any(feature.clip for feature in features):
        return None
    ends = np.finfo(np.float32)
    lower = np.full(len(features), ends.min, dtype=np.float32)
    upper = np.full(len(features), ends.max, dtype=np.float32)
    for j, feature in enumerate(features):
        present = values[~np.isnan(values[:, j]), j].astype(np.float64)
        if feature.clip and len(present):
            lower[j], upper[j] = np.quantile(present, (feature.clip, 1.0 - feature.clip))
    return lower, upper


def transformed(
    features: Sequence[NumericFeature], values: NDArray[np.float64], bounds: Bounds | None
) -> NDArray[np.float64]:
    """`values` float64 [n, N] cut to `bounds` and, where `transform` is log, folded; NaN stays.

    Cyclic columns are passed on: the graph makes sine and cosine of them, which need no statistics.
    """
    if bounds is not None:
        values = np.clip(values, bounds[0].astype(np.float64), bounds[1].astype(np.float64))
    folded = [j for j, feature in enumerate(features) if feature.transform == "log"]
    if folded:
        values = values.copy()
        values[:, folded] = np.sign(values[:, folded]) * np.log1p(np.abs(values[:, folded]))
    return values
