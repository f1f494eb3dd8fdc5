"""The SavedModel, from strings to probabilities; and the inner graph as one, for converters that read no other."""

from pathlib import Path
from typing import Any

from driftline.spec.stream import StreamSpec
from training.network import Network, full_model
from training.runtime import tf


def save(spec: StreamSpec, network: Network, out: Path) -> None:
    """Write `saved_model.pb` and `variables/`: what TensorFlow Serving loads.

    Notes
    -----
    The signature `serving_default` takes `numeric` float32 [n, N], `categorical` string [n, C] and `text` string
    [n, T] (those that the stream has; a missing string is empty) and gives `probabilities` float32 [n, K], or [n, 1]
    for binary.
    """
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


def inner_function(network: Network) -> tuple[Any, Any]:
    """The graph behind the look-ups, codes in and probabilities out: a concrete function, and the module it is of."""
    inner = network.inner
    signature = {
        tensor.name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=tensor.name) for tensor in inner.inputs
    }

    def serve(**inputs: Any) -> dict[str, Any]:
        return {"probabilities": inner(inputs, training=False)}

    module = tf.Module()
    # Converters follow tf.Variables only; behind Keras' own they find none, and leave the weights out unsaid.
    module.weights = [variable.value for variable in inner.variables]
    module.serve = tf.function(serve)
    return module.serve.get_concrete_function(**signature), module


def save_inner(network: Network, out: Path) -> None:
    """Write the graph behind the look-ups as a SavedModel."""
    concrete, module = inner_function(network)
    tf.saved_model.save(module, str(out), signatures={"serving_default": concrete})


def bytes_of(out: Path) -> int:
    """Size of the SavedModel in `out`: the graph and its weights."""
    return sum(path.stat().st_size for path in [out / "saved_model.pb", *(out / "variables").rglob("*")])
