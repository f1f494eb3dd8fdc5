"""Making probabilities honest: a map from logits to probabilities, learnt on the validation rows, inside the graph."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from driftline.spec.stream import StreamSpec
from training.data import Codes
from training.network import Network
from training.runtime import keras

# Most knots of an isotonic map: validation rows are few, and a knot that stands for ten of them says little.
KNOTS = 16
# Share of the uncalibrated probability that an isotonic map keeps. Without it, whole ranges of probabilities would
# become equal, and what ranked records (a threshold, a curve) could no longer tell them apart.
KEPT = 0.01
# Temperatures looked at: beyond these a probability is 1/K or 1 to every digit that matters.
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """What lies between the logits and the probabilities.

    Attributes
    ----------
    temperature : float32 [1], or [K] for multilabel: divides the logits.
    starts, widths, rises : float32 [units, KNOTS - 1], the pieces of each class's isotonic map, which is
        `base` + Σ rises · clip((p - starts) / widths, 0, 1); a piece that is not needed rises by 0. None without one.
    base : float32 [units].
    """

    temperature: NDArray[np.float32]
    starts: NDArray[np.float32] | None = None
    widths: NDArray[np.float32] | None = None
    rises: NDArray[np.float32] | None = None
    base: NDArray[np.float32] | None = None


def learn_calibration(spec: StreamSpec, logits: NDArray[np.float32], labels: Codes) -> Calibration | None:
    """Learn from the validation rows; None where `training.decision.calibration` is 'none'.

    Parameters
    ----------
    logits : float32 [n, units]: K for multiclass and multilabel, 1 for binary.
    labels : of the same rows.

    Notes
    -----
    Temperature: the one that minimises the log loss (Guo et al. 2017, §4.2). Isotonic: pool adjacent violators, one
    class against the rest, then renormalised (Zadrozny and Elkan, "Transforming classifier scores into accurate
    multiclass probability estimates", KDD 2002); a line from the middle of each pool to that of the next takes the
    place of the step, so that LiteRT and TensorFlow, which differ in the last digit, never fall on two sides of one.
    """
    method = spec.training.decision.calibration
    if method == "none":
        return None
    if method == "temperature":
        return Calibration(_temperatures(spec, logits.astype(np.float64), labels))
    probabilities = _plain(spec, logits.astype(np.float64))
    truth = np.eye(logits.shape[1])[labels] if spec.task == "multiclass" else labels.reshape(len(labels), -1)
    pieces = [_isotonic(probabilities[:, k], truth[:, k].astype(np.float64)) for k in range(logits.shape[1])]
    starts, widths, rises, base = (np.stack(part).astype(np.float32) for part in zip(*pieces, strict=True))
    return Calibration(np.ones(1, np.float32), starts, widths, rises, base)


def calibrated(spec: StreamSpec, network: Network, calibration: Calibration | None) -> Network:
    """The same network (the weights are shared) whose probabilities are calibrated; itself without a calibration."""
    if calibration is None:
        return network
    ops = keras.ops
    # Keras lets the last layer compute in float16 on a GPU; probabilities are float32 everywhere.
    logits = ops.cast(network.logits.output, "float32") * (1.0 / calibration.temperature)[None, :]
    output: Any = ops.softmax(logits) if spec.task == "multiclass" else ops.sigmoid(logits)
    if calibration.starts is not None:
        assert calibration.widths is not None and calibration.rises is not None and calibration.base is not None
        place = ops.clip((ops.expand_dims(output, -1) - calibration.starts[None]) / calibration.widths[None], 0.0, 1.0)
        mapped = ops.sum(place * calibration.rises[None], axis=-1) + calibration.base[None]
        output = mapped * (1 - KEPT) + output * KEPT
        if spec.task == "multiclass":
            output = output / ops.sum(output, axis=-1, keepdims=True)
    inner = keras.Model(
        network.logits.inputs if isinstance(network.logits.input, list) else network.logits.input, output
    )
    return dataclasses.replace(network, inner=inner)


def _plain(spec: StreamSpec, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if spec.task == "multiclass":
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return shares
    sigmoid: NDArray[np.float64] = 0.5 * (1 + np.tanh(logits / 2))
    return sigmoid


def _temperatures(spec: StreamSpec, logits: NDArray[np.float64], labels: Codes) -> NDArray[np.float32]:
    """One, or one a class for multilabel."""
    if spec.task == "multiclass":

        def loss(scaled: NDArray[np.float64]) -> float:
            top = scaled.max(axis=1)
            total = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
            return float((total - scaled[np.arange(len(labels)), labels]).mean())

        return np.array([_coolest(lambda t: loss(logits / t))], dtype=np.float32)
    signs = np.where(labels.reshape(len(labels), -1), 1.0, -1.0)
    margins = logits * signs
    return np.array(
        [_coolest(lambda t, k=k: np.logaddexp(0, -margins[:, k] / t).mean()) for k in range(margins.shape[1])],
        dtype=np.float32,
    )


def _coolest(loss: Any) -> float:
    """The loss is convex in 1 / t, hence has one valley in log t."""
    found = minimize_scalar(lambda log: loss(np.exp(log)), bounds=np.log([COLDEST, HOTTEST]), method="bounded")
    return float(np.exp(found.x))


def _isotonic(p: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """starts, widths, rises [KNOTS - 1] and base [] of one class's map."""
    from sklearn.isotonic import IsotonicRegression

    stairs = IsotonicRegression().fit_transform(p, truth)
    levels, pool = np.unique(stairs, return_inverse=True)
    count = np.bincount(pool).astype(np.float64)
    x = np.bincount(pool, weights=p) / count
    while len(x) > KNOTS:  # join the two neighbours that hold fewest rows together: the least is lost there
        i = int(np.argmin(count[:-1] + count[1:]))
        both = count[i] + count[i + 1]
        for values in (x, levels):
            values[i] = (values[i] * count[i] + values[i + 1] * count[i + 1]) / both
        count[i] = both
        x, levels, count = (np.delete(values, i + 1) for values in (x, levels, count))
    # A few rows never prove that something cannot be: no probability of exactly 0 or 1.
    margin = 1 / (2 * len(p))
    y = np.clip(levels, margin, 1 - margin)
    starts, widths, rises = np.zeros(KNOTS - 1), np.ones(KNOTS - 1), np.zeros(KNOTS - 1)
    n = len(x) - 1
    # A width of 0.001 bounds the slope, and with it what float32's rounding of p can do.
    starts[:n], widths[:n], rises[:n] = x[:-1], np.maximum(np.diff(x), 1e-3), np.diff(y)
    return starts, widths, rises, y[0]
