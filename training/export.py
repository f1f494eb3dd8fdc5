"""A trained network as files: SavedModel, LiteRT, reference distribution; and whether the two forms agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer, TensorFlowScorer
from driftline.registry.manifest import Evaluation, Parity
from driftline.registry.reference import Reference, describe_features
from driftline.spec.stream import StreamSpec
from training.network import Network, full_model
from training.runtime import tf

# float32 sums in another order differ by about 1e-6 in a probability; a wrong look-up, by tenths.
LARGEST_DIFFERENCE = 1e-4
# Newest rows that parity is checked on, and as many again with values knocked out.
PARITY_ROWS = 512


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how it is to be served.

    Attributes
    ----------
    parity : None where the model did not convert to LiteRT.
    reason : why `runtime` is 'tensorflow'; empty for 'litert'.
    """

    runtime: Literal["litert", "tensorflow"]
    parity: Parity | None
    reason: str = ""


def export(
    spec: StreamSpec, network: Network, columns: Columns, out: Path, decision: Decision | None = None
) -> Exported:
    """Write `saved_model.pb`, `variables/` and `model.tflite` into `out`, and compare the two on real rows.

    Parameters
    ----------
    columns : the window's rows, newest last; at least one.
    decision : how the version answers; what counts as a changed answer depends on it.

    Notes
    -----
    The SavedModel's signature `serving_default` takes `numeric` float32 [n, N], `categorical` string [n, C] and
    `text` string [n, T] (those that the stream has; a missing string is empty) and gives `probabilities` float32
    [n, K], or [n, 1] for binary. It is what TensorFlow Serving loads.
    """
    out.mkdir(parents=True, exist_ok=True)
    _save(spec, network, out)
    try:
        converted = _convert(network)
    except Exception as error:  # the converter raises whatever its passes do
        return Exported("tensorflow", None, f"does not convert to LiteRT: {str(error).splitlines()[0][:200]}")
    (out / "model.tflite").write_bytes(converted)
    parity = compare(
        spec, LiteRTScorer(converted, network.preprocessing.look_ups), TensorFlowScorer(out), columns, decision
    )
    if parity.decisions_changed or not parity.largest_difference <= LARGEST_DIFFERENCE:
        return Exported(
            "tensorflow",
            parity,
            f"LiteRT differs from TensorFlow by up to {parity.largest_difference:.2g} and changes "
            f"{parity.decisions_changed} of {parity.rows} answers",
        )
    return Exported("litert", parity)


def compare(
    spec: StreamSpec, one: LiteRTScorer, other: TensorFlowScorer, columns: Columns, decision: Decision | None = None
) -> Parity:
    """Score the newest rows, and the same rows with every second value missing, by both."""
    newest = columns.take(slice(max(len(columns) - PARITY_ROWS, 0), None))
    rows = Columns.concatenate([newest, _knocked_out(newest)])
    decision = decision or Decision(spec)
    first, second = one.score(rows), other.score(rows)
    changed = decision.codes(first) != decision.codes(second)
    return Parity(
        rows=len(rows),
        # A NaN must not pass for agreement.
        largest_difference=float(np.nan_to_num(np.abs(first - second), nan=1.0).max()),
        decisions_changed=int(changed.any(axis=1).sum() if changed.ndim == 2 else changed.sum()),
    )


def reference(
    spec: StreamSpec,
    window: Columns,
    held_out: NDArray[np.float32],
    evaluation: Evaluation,
    decision: Decision | None = None,
) -> Reference:
    """What the monitor compares the stream with.

    Parameters
    ----------
    window : all rows of the training window.
    held_out : probabilities float32 [n, K] of the evaluated candidate on the held-out rows, and `evaluation` of them:
        answers on rows a model was trained on are surer than any it will give.
    """
    decision = decision or Decision(spec)
    codes = decision.codes(held_out)
    _, confidence = decision.answers(held_out)
    empty = Reference(rows=0, features=(), prediction_counts=(), confidence_counts=(), error_rate=0.0, held_out_rows=0)
    edges = np.asarray(empty.confidence_edges, dtype=np.float32)
    bins = np.bincount(np.searchsorted(edges, confidence, side="left"), minlength=len(edges) + 1)
    counts = codes.sum(axis=0) if codes.ndim == 2 else np.bincount(codes, minlength=len(spec.classes))
    return empty.model_copy(
        update={
            "rows": len(window),
            "features": describe_features(spec, window),
            "prediction_counts": tuple(int(count) for count in counts),
            "confidence_counts": tuple(int(count) for count in bins),
            "error_rate": 1.0 - evaluation.accuracy,
            "held_out_rows": evaluation.rows,
        }
    )


def _save(spec: StreamSpec, network: Network, out: Path) -> None:
    full = full_model(network)
    signature: dict[str, Any] = {}
    if spec.numeric:
        signature["numeric"] = tf.TensorSpec([None, len(spec.numeric)], tf.float32, name="numeric")
    if spec.categorical:
        signature["categorical"] = tf.TensorSpec([None, len(spec.categorical)], tf.string, name="categorical")
    if spec.text:
        signature["text"] = tf.TensorSpec([None, len(spec.text)], tf.string, name="text")

    def serve(**inputs: Any) -> dict[str, Any]:
        return {"probabilities": full(inputs, training=False)}

    # A bare module: Keras' own export traces every layer's call once more, for a later `fit` that never comes.
    module = tf.Module()
    module.model = full
    module.serve = tf.function(serve)
    concrete = module.serve.get_concrete_function(**signature)
    tf.saved_model.save(module, str(out), signatures={"serving_default": concrete})


def _convert(network: Network) -> bytes:
    inner = network.inner
    signature = {
        tensor.name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=tensor.name) for tensor in inner.inputs
    }

    def serve(**inputs: Any) -> dict[str, Any]:
        return {"probabilities": inner(inputs, training=False)}

    module = tf.Module()
    # The converter follows tf.Variables only; behind Keras' own it finds none, and leaves the weights out unsaid.
    module.weights = [variable.value for variable in inner.variables]
    module.serve = tf.function(serve)
    concrete = module.serve.get_concrete_function(**signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    converted: bytes = converter.convert()
    return converted


def _knocked_out(columns: Columns) -> Columns:
    """The same rows with every second value missing, alternating by row and column."""
    numeric, categorical, text = columns.numeric.copy(), columns.categorical.copy(), columns.text.copy()
    numeric[_checkered(numeric.shape)] = np.nan
    categorical[_checkered(categorical.shape)] = None
    text[_checkered(text.shape)] = None
    return Columns(numeric, categorical, text)


def _checkered(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2 == 0
    return mask
