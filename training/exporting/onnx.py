"""ONNX, made by tf2onnx from the graph behind the look-ups, in a process of its own."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from driftline.errors import UsageError
from training.exporting.saved_model import save_inner
from training.network import Network

# The newest that tf2onnx writes; runtimes read all older ones.
OPSET = 18
# Importing TensorFlow takes up to 20 s on a busy machine, and the conversion seconds.
SECONDS = 300


def require() -> None:
    """Say what is missing before any work is done.

    Raises
    ------
    UsageError : tf2onnx or onnxruntime is not installed.
    """
    for name in ("tf2onnx", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"training.export: read onnx; {name} is not installed, it comes with pip install 'driftline[onnx]'"
            )


def convert(network: Network) -> bytes:
    """The inner graph as ONNX, opset 18: inputs `numeric`, `categorical`, `tokens_I`, output `probabilities`.

    Notes
    -----
    Through a SavedModel, since tf2onnx' and Keras' own ways refuse the normalisation layer; and in another process,
    since tf2onnx turns off parts of the TensorFlow that it is loaded beside.

    Raises
    ------
    UsageError : the extra is not installed.
    RuntimeError : it does not convert; the message is the converter's last line.
    """
    require()
    with tempfile.TemporaryDirectory(prefix="driftline-onnx-") as folder:
        source, target = Path(folder) / "inner", Path(folder) / "model.onnx"
        save_inner(network, source)
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "tf2onnx.convert", "--saved-model", str(source)),
                *("--opset", str(OPSET), "--output", str(target)),
            ],
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        if ran.returncode != 0 or not target.exists():
            raise RuntimeError((ran.stderr.strip().splitlines() or ["no message"])[-1])
        return target.read_bytes()
