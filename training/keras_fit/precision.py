"""Mixed precision: the dense layers in float16 where there is a GPU, everything else in float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from driftline.spec.stream import StreamSpec
from training.network import Network
from training.runtime import keras, tf

HALF = "mixed_float16"


def wanted(spec: StreamSpec) -> bool:
    """Whether to compute in float16: `training.mixed_precision: auto`, and there is a GPU.

    On a CPU float16 is emulated, and slower.
    """
    return spec.training.mixed_precision == "auto" and bool(tf.config.list_logical_devices("GPU"))


@contextmanager
def half_precision(network: Network, enabled: bool) -> Iterator[None]:
    """Let the hidden dense layers of `network` compute in float16 for a while; weights stay float32.

    Not the preprocessing, where a raw value beyond 65,504 would become infinite, and not the layer that gives the
    logits, from which the loss is computed. Afterwards the layers are as they were, so that the network which is
    judged and exported is float32 throughout.

    Notes
    -----
    Micikevicius et al., "Mixed Precision Training", ICLR 2018: weights in float32, loss scaled (see `scaled`).
    """
    layers = [layer for layer in network.logits.layers if enabled and _is_hidden(layer)]
    before = [layer.dtype_policy for layer in layers]
    for layer in layers:
        layer.dtype_policy = keras.DTypePolicy(HALF)
    try:
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def scaled(optimizer: Any, enabled: bool) -> Any:
    """`optimizer`, with its loss scaled while float16 is on, so that small gradients do not become zero."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if enabled else optimizer


def _is_hidden(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Dense) and layer.name != "logits"
