"""What TensorBoard shows: curves, histograms of the weights, and embeddings with the names of their rows."""

from pathlib import Path
from typing import Any

import numpy as np

from driftline.errors import UsageError
from driftline.registry.manifest import LookUps
from training.network import Network
from training.runtime import keras


def new_run(folder: str, stage: str) -> Path:
    """The next free `run-NNN-STAGE` in `folder`, so that no training is drawn over another one.

    Raises
    ------
    UsageError : TensorBoard is not installed, or the folder cannot be written.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise UsageError(
            "training.tensorboard: needs TensorBoard: pip install 'driftline[tensorboard]', or leave the field out"
        ) from None
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
        taken = [int(path.name[4:7]) for path in root.glob("run-[0-9][0-9][0-9]-*")]
        run = root / f"run-{max(taken, default=0) + 1:03d}-{stage}"
        run.mkdir()
    except OSError as error:
        raise UsageError(f"training.tensorboard: {folder} cannot be written: {error.strerror}") from None
    return run


def curves(run: Path) -> Any:
    """The callback that writes losses, macro F1 and the histograms of the weights, once an epoch."""
    return keras.callbacks.TensorBoard(log_dir=str(run), histogram_freq=1, write_graph=False)


def write_embeddings(run: Path, network: Network) -> None:
    """The trained embeddings for the projector: vectors, the names of their rows, and its configuration.

    Notes
    -----
    Keras' callback points the projector at a checkpoint that `.weights.h5` does not write, which then shows nothing;
    the projector also reads tables.
    """
    from tensorboard.plugins import projector

    config = projector.ProjectorConfig()
    for layer in sorted(network.logits.layers, key=lambda layer: layer.name):
        if not isinstance(layer, keras.layers.Embedding):
            continue
        vectors, names = f"{layer.name}.tsv", f"{layer.name}-names.tsv"
        np.savetxt(run / vectors, np.asarray(layer.get_weights()[0]), delimiter="\t", fmt="%.6g")
        rows = "\n".join(_one_line(name) for name in _names(layer.name, network.preprocessing.look_ups)) + "\n"
        (run / names).write_text(rows, encoding="utf-8")
        embedding = config.embeddings.add()
        embedding.tensor_name, embedding.tensor_path, embedding.metadata_path = layer.name, vectors, names
    if config.embeddings:
        projector.visualize_embeddings(str(run), config)


def _names(layer: str, look_ups: LookUps) -> list[str]:
    """A name for each row of an embedding, from its code 0 on."""
    kind, _, number = layer.rpartition("_")
    if kind == "category":
        return ["(unknown)", *look_ups.categories[int(number)]]
    return ["(padding)", "(out of vocabulary)", *look_ups.texts[int(number)].vocabulary]


def _one_line(name: str) -> str:
    # A table with one column has no header, and a line is a row.
    return " ".join(name.split()) or "(blank)"
