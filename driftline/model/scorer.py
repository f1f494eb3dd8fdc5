"""Scoring raw columns with a version from the registry: by LiteRT where it may, by TensorFlow where it must."""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.model.lookups import CategoryLookup, Tokenizer
from driftline.registry.manifest import FILES, LookUps, Manifest


class Scorer(Protocol):
    """A loaded model."""

    def score(self, columns: Columns) -> NDArray[np.float32]:
        """Probabilities float32 [n, K] in class order (see `driftline.model.answers`)."""


class LiteRTScorer:
    """Scores with LiteRT (ai-edge-litert); 0.5 µs a record in batches, no TensorFlow in the process.

    An interpreter's tensors have a fixed shape and resizing one costs more than scoring a small batch, so one is
    kept for each of a few sizes and a batch is cut into, or padded up to, those.

    Parameters
    ----------
    model : the .tflite file's bytes. Inputs `numeric` float32 [n, N], `categorical` int32 [n, C],
        `tokens_I` int32 [n, L]; those that the stream has not are absent.
    look_ups : what turns strings into the graph's codes.
    """

    SIZES = (1, 8, 64, 512)

    def __init__(self, model: bytes, look_ups: LookUps) -> None:
        self._model = model
        self._coder = _Coder(look_ups)
        self._runners: dict[int, Any] = {}

    def warm(self) -> None:
        """Build every interpreter now, so that no record waits for one."""
        for size in self.SIZES:
            self._runner(size)

    def score(self, columns: Columns) -> NDArray[np.float32]:
        inputs = self._coder.inputs(columns)
        parts, start, n = [], 0, len(columns)
        while start < n:
            left = n - start
            size = next((s for s in self.SIZES if s >= left), self.SIZES[-1])
            count = min(size, left)
            parts.append(self._run(size, {k: v[start : start + count] for k, v in inputs.items()}, count))
            start += count
        if not parts:
            return self._run(1, {k: np.zeros((1, *v.shape[1:]), v.dtype) for k, v in inputs.items()}, 1)[:0]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _run(self, size: int, inputs: dict[str, NDArray[Any]], count: int) -> NDArray[np.float32]:
        interpreter, places, output = self._runner(size)
        for name, values in inputs.items():
            if count < size:
                values = np.concatenate([values, np.repeat(values[:1], size - count, axis=0)])
            interpreter.set_tensor(places[name], values)
        interpreter.invoke()
        result: NDArray[np.float32] = interpreter.get_tensor(output)
        return as_probabilities(result[:count])

    def _runner(self, size: int) -> Any:
        if size not in self._runners:
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_content=self._model, num_threads=1)
            details = {_plain(item["name"]): item for item in interpreter.get_input_details()}
            for item in details.values():
                interpreter.resize_tensor_input(item["index"], [size, *item["shape"][1:]])
            interpreter.allocate_tensors()
            places = {name: item["index"] for name, item in details.items()}
            self._runners[size] = (interpreter, places, interpreter.get_output_details()[0]["index"])
        return self._runners[size]


class OnnxScorer:
    """Scores with ONNX Runtime (the extra `onnx`) on one thread; 15 µs a record alone, no TensorFlow in the process.

    Parameters
    ----------
    model : the .onnx file's bytes, with the inputs of `LiteRTScorer`.
    look_ups : what turns strings into the graph's codes.

    Raises
    ------
    UsageError : onnxruntime is not installed.
    """

    def __init__(self, model: bytes, look_ups: LookUps) -> None:
        # Read by the library as it is imported.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise UsageError(
                "training.export.serve: this version is served as onnx, and onnxruntime is not installed; "
                "it comes with pip install 'driftline[onnx]'"
            ) from None
        options = onnxruntime.SessionOptions()
        # More threads only wait for each other on networks this small, and take the cores of other consumers.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # A graph that uses no value of an input (a column of constants) may have lost it in conversion.
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._coder = _Coder(look_ups)

    def score(self, columns: Columns) -> NDArray[np.float32]:
        inputs = {name: values for name, values in self._coder.inputs(columns).items() if name in self._inputs}
        result: NDArray[np.float32] = self._session.run(["probabilities"], inputs)[0]
        return as_probabilities(result)


class TensorFlowScorer:
    """Scores with the SavedModel; for models that LiteRT cannot hold exactly.

    Importing TensorFlow takes 4-6 s and 500 MB: only a version whose manifest asks for it pays that.
    """

    def __init__(self, saved_model: Path) -> None:
        import tensorflow as tf

        self._tf = tf
        self._loaded = tf.saved_model.load(str(saved_model))
        self._function = self._loaded.signatures["serving_default"]
        self._inputs = set(self._function.structured_input_signature[1])

    def score(self, columns: Columns) -> NDArray[np.float32]:
        tensors = {}
        if "numeric" in self._inputs:
            tensors["numeric"] = self._tf.constant(columns.numeric)
        for name, values in (("categorical", columns.categorical), ("text", columns.text)):
            if name in self._inputs:
                tensors[name] = self._tf.constant(np.where(values == None, "", values).astype(str))  # noqa: E711
        result: NDArray[np.float32] = self._function(**tensors)["probabilities"].numpy()
        return as_probabilities(result)


def as_probabilities(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """A single sigmoid column p becomes (1 - p, p); anything else is passed on."""
    return np.concatenate([1 - output, output], axis=1) if output.shape[1] == 1 else output


def open_scorer(manifest: Manifest, folder: Path) -> Scorer:
    """Load and warm the version in `folder`, a local copy of its registry folder."""
    if manifest.runtime == "tensorflow":
        return TensorFlowScorer(folder)
    model = (folder / FILES[manifest.runtime]).read_bytes()
    if manifest.runtime == "onnx":
        return OnnxScorer(model, manifest.look_ups)
    scorer = LiteRTScorer(model, manifest.look_ups)
    scorer.warm()
    return scorer


class _Coder:
    """From raw columns to the inner graph's inputs by name, those that the stream has."""

    def __init__(self, look_ups: LookUps) -> None:
        self._categories = [CategoryLookup(values) for values in look_ups.categories]
        self._tokenizers = [Tokenizer(text.vocabulary, text.sequence_length, text.ngrams) for text in look_ups.texts]

    def inputs(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """`numeric` float32 [n, N], `categorical` int32 [n, C], `tokens_I` int32 [n, L]."""
        inputs: dict[str, NDArray[Any]] = {}
        if columns.numeric.shape[1]:
            inputs["numeric"] = np.ascontiguousarray(columns.numeric, dtype=np.float32)
        if self._categories:
            inputs["categorical"] = np.stack(
                [look.codes(columns.categorical[:, i]) for i, look in enumerate(self._categories)], axis=1
            )
        for i, tokenizer in enumerate(self._tokenizers):
            inputs[f"tokens_{i}"] = tokenizer.ids(columns.text[:, i])
        return inputs


def _plain(name: str) -> str:
    """'serving_default_numeric:0' → 'numeric'."""
    return name.removeprefix("serving_default_").split(":")[0]
