"""LiteRT (TensorFlow Lite) in three precisions: float32, weights of float16, dense layers of int8."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from driftline.model.columns import Columns
from training.exporting.saved_model import inner_function
from training.network import Network
from training.runtime import tf

# Rows that the quantiser watches, drawn evenly over the window: enough for the ranges of a few hundred units.
REPRESENTATIVE_ROWS = 512


def convert(network: Network) -> bytes:
    """As it was trained: float32. Answers as TensorFlow does, but for the order of sums."""
    converted: bytes = _converter(network).convert()
    return converted


def convert_float16(network: Network) -> bytes:
    """Weights stored as float16, arithmetic in float32: half the size where weights make it up."""
    converter = _converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    converted: bytes = converter.convert()
    return converted


def convert_int8(network: Network, columns: Columns) -> bytes:
    """Weights and activations of the dense layers in int8, everything before and after them in float32.

    Parameters
    ----------
    columns : rows of the training window, missing values as they are; at most `REPRESENTATIVE_ROWS` of them, evenly
        spread, show the quantiser the range of each layer's inputs and outputs.

    Notes
    -----
    Post-training integer quantisation with one scale a channel of the weights and one a tensor of activations
    (Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    CVPR 2018).

    Not the whole graph: its first operation is the imputation of NaN. There is no NaN in int8, and one scale for all
    raw columns leaves those with small numbers no steps at all; quantised whole, more than half of all answers
    changed. So every operation but the dense layers is kept out (TensorFlow's selective quantisation), and inputs and
    outputs are those of the float32 form.
    """
    encoded = network.preprocessing.encode(columns)
    chosen = np.unique(np.linspace(0, len(columns) - 1, REPRESENTATIVE_ROWS).astype(np.intp))

    def representative() -> Iterator[dict[str, Any]]:
        for row in chosen:
            yield {name: values[row : row + 1] for name, values in encoded.items()}

    converter = _converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=_all_but("FULLY_CONNECTED"))
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # TensorFlow's own debugger builds the interpreter that TensorFlow says is deprecated.
        warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interpreter is deprecated")
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=representative, debug_options=options
        )
        quantised: bytes = debugger.get_nondebug_quantized_model()
    return quantised


def _converter(network: Network) -> Any:
    concrete, module = inner_function(network)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)


def _all_but(operation: str) -> list[str]:
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator

    return [name for name in vars(BuiltinOperator) if not name.startswith("_") and name != operation]
