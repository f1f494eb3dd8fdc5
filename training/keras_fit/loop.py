"""`fit` and `refit` by Keras' loop: the same promises as `training.fit` makes with its own."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.fit import Epoch, Fitted, Progress
from training.keras_fit.board import curves, new_run, write_embeddings
from training.keras_fit.feed import Feed, in_memory
from training.keras_fit.precision import half_precision, wanted
from training.keras_fit.statistics import Streamed, learn_streamed
from training.keras_fit.strategies import Workers, workers
from training.keras_fit.stream import streaming
from training.keras_fit.trainee import trainee
from training.losses import class_weights
from training.network import Network, build
from training.preprocessing import learn
from training.runtime import keras
from training.warm import Start, begin, note


def fit(spec: StreamSpec, rows: Dataset, watched: Dataset, progress: Progress, start: Start | None = None) -> Fitted:
    """Train on `rows`; the weights that were best on the `watched` ones, by `training.monitor`, are restored."""
    return _train(spec, rows, watched, spec.training.epochs, progress, "fit", start)


def refit(spec: StreamSpec, dataset: Dataset, epochs: int, progress: Progress, start: Start | None = None) -> Fitted:
    """Train afresh on all of `dataset` for as many passes as were found to be best."""
    return _train(spec, dataset, None, epochs, progress, "refit", start)


def _train(
    spec: StreamSpec,
    rows: Dataset,
    watched: Dataset | None,
    epochs: int,
    progress: Progress,
    stage: str,
    start: Start | None,
) -> Fitted:
    shared = workers(spec.training.strategy)
    if shared.several and spec.training.network.batch_normalization:
        raise UsageError(
            "training.network.batch_normalization: read true; with training.strategy multi-worker each worker would "
            "keep averages of its own; allowed: false"
        )
    keras.utils.set_random_seed(spec.training.seed)
    streamed = isinstance(rows, Streamed)
    preprocessing = learn_streamed(spec, rows) if isinstance(rows, Streamed) else learn(spec, rows.columns)
    with shared.scope():
        network = build(spec, preprocessing)
        reason = begin(spec, network, start) if start is not None else ""
    make: Any = streaming if streamed else in_memory
    feed = make(spec, preprocessing, rows, watched, shared)
    fitted = run(spec, network, feed, shared, epochs, progress, stage, class_weights(spec, rows.labels))
    return replace(fitted, notes=note(start, reason), warm=start is not None and not reason)


def run(
    spec: StreamSpec,
    network: Network,
    feed: Feed,
    shared: Workers,
    epochs: int,
    progress: Progress,
    stage: str,
    weights: NDArray[np.float32] | None = None,
) -> Fitted:
    """Fit `network` as it is on a feed; stopped early and set back to its best pass if the feed has watched rows."""
    half, history = wanted(spec), list[Epoch]()
    with half_precision(network, half), shared.scope(), tempfile.TemporaryDirectory(prefix="driftline-fit-") as folder:
        model = trainee(network)
        model.equip(spec, feed.steps, half=half, workers=shared, weights=weights)
        start = model.get_weights()
        callbacks: list[Any] = [_Report(epochs, history, progress)]
        callbacks += [] if feed.watched is None else _watching(spec, Path(folder))
        board = new_run(spec.training.tensorboard, stage) if spec.training.tensorboard and shared.chief else None
        callbacks += [curves(board)] if board else []
        # tf.data has shuffled; Keras would only warn that it cannot.
        told = model.fit(
            feed.training, validation_data=feed.watched, epochs=epochs, callbacks=callbacks, verbose=0, shuffle=False
        )
        best = len(history)
        if feed.watched is not None:
            best = _best(told.history, spec)
            checkpoint = Path(folder) / CHECKPOINT
            if best == 0:  # never a finite loss: the weights as they began are better than those
                model.set_weights(start)
            elif checkpoint.exists():
                model.load_weights(checkpoint)
    if board:
        write_embeddings(board, network)
    return Fitted(network, max(best, 1), tuple(history))


CHECKPOINT = "best.weights.h5"


def _watching(spec: StreamSpec, folder: Path) -> list[Any]:
    """Early stopping on what is monitored; for F1 the best pass also lies in a file, from which it is restored."""
    monitor, mode = _monitored(spec)
    stop = keras.callbacks.EarlyStopping(
        monitor=monitor, mode=mode, patience=spec.training.patience, restore_best_weights=True
    )
    if spec.training.monitor != "f1":
        return [stop]
    path = str(folder / CHECKPOINT)
    return [
        stop,
        keras.callbacks.ModelCheckpoint(path, monitor=monitor, mode=mode, save_best_only=True, save_weights_only=True),
    ]


def _monitored(spec: StreamSpec) -> tuple[str, str]:
    return ("val_f1", "max") if spec.training.monitor == "f1" else ("val_loss", "min")


def _best(history: dict[str, list[float]], spec: StreamSpec) -> int:
    """The first best pass, from 1; 0 if the monitored figure was never finite."""
    monitor, mode = _monitored(spec)
    values = np.asarray(history[monitor], dtype=np.float64)
    usable = np.isfinite(values) & np.isfinite(history["val_loss"])
    if not usable.any():
        return 0
    signed = values if mode == "min" else -values
    return int(np.where(usable, signed, np.inf).argmin()) + 1


class _Report(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells of each pass."""

    def __init__(self, epochs: int, history: list[Epoch], progress: Progress) -> None:
        super().__init__()
        self._epochs, self._history, self._progress = epochs, history, progress

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        val_loss = float(logs["val_loss"]) if "val_loss" in logs else None
        self._history.append(Epoch(epoch + 1, self._epochs, float(logs["loss"]), val_loss))
        self._progress(self._history[-1])
