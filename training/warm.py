"""Beginning from the weights of the model in service (`training.warm_start`). Arrays only: no pickle, so no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from training.network import Network

WEIGHTS = "weights.npz"
_MEANING = "meaning"


@dataclass(frozen=True, slots=True)
class Start:
    """Weights of a version.

    Attributes
    ----------
    version : whose they are.
    arrays : by the variable's path in the network.
    meaning : fingerprint of what the weights' positions stand for; see `meaning`.
    missing : why there are none; empty if there are.
    """

    version: int
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    meaning: str = ""
    missing: str = ""


def save_weights(spec: StreamSpec, network: Network, path: Path) -> None:
    """Write every weight of `network`, moving statistics included, to a `.npz` file without objects."""
    arrays = {variable.path: variable.numpy() for variable in network.logits.weights}
    code = np.frombuffer(meaning(spec, network).encode(), dtype=np.uint8)
    np.savez(path, allow_pickle=False, **arrays, **{_MEANING: code})


def load_weights(path: Path, version: int) -> Start:
    """Read what `save_weights` wrote; a file that is not there or not readable is a `Start` that says so."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        code = arrays.pop(_MEANING).tobytes().decode()
    except FileNotFoundError:
        return Start(version, missing=f"version {version} has no {WEIGHTS}")
    except Exception as error:  # zipfile, numpy and zlib each raise their own
        return Start(version, missing=f"{WEIGHTS} of version {version} cannot be read: {error}")
    return Start(version, arrays, code)


def meaning(spec: StreamSpec, network: Network) -> str:
    """Fingerprint of what equal shapes do not tell: vocabularies, missing indicators, transforms, the activation.

    Weights of the same shape for other words, or for another column's gaps, are noise of full size.
    """
    learnt = network.preprocessing
    told = {
        "model": spec.model_hash,
        "look_ups": learnt.look_ups.model_dump(mode="json"),
        "indicators": list(learnt.indicators),
        "activation": spec.training.network.activation,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def begin(spec: StreamSpec, network: Network, start: Start) -> str:
    """Set `network` to the weights of `start` if it is the same network, all or none; why not, or empty."""
    if start.missing:
        return start.missing
    variables = {variable.path: variable for variable in network.logits.weights}
    ours = {path: tuple(variable.shape) for path, variable in variables.items()}
    theirs = {path: array.shape for path, array in start.arrays.items()}
    if ours != theirs:
        different = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
        path = different[0]
        return f"{path} is {theirs.get(path, 'not there')} in version {start.version}, {ours.get(path, 'not')} here"
    if meaning(spec, network) != start.meaning:
        return f"version {start.version} has another vocabulary, other missing indicators or another activation"
    if not all(np.isfinite(array).all() for array in start.arrays.values()):
        return f"version {start.version} has weights that are not finite"
    for path, variable in variables.items():
        variable.assign(start.arrays[path])
    return ""


def shorter(spec: StreamSpec) -> StreamSpec:
    """A quarter of the epochs and of the patience: weights that stand near the answer need no more, and a network that
    goes on for long on few rows forgets what the rows before had taught it."""
    training = spec.training
    changed = {"epochs": -(-training.epochs // 4), "patience": -(-training.patience // 4)}
    return spec.model_copy(update={"training": training.model_copy(update=changed)})


def note(start: Start | None, reason: str) -> tuple[str, ...]:
    """What the verdict says of it; nothing without a start."""
    if start is None:
        return ()
    if reason:
        return (f"trained afresh: {reason}",)
    return (f"began from the weights of version {start.version}",)
