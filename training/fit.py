"""Training the network: seeded, repeatable, with early stopping on the newest of the rows it may see."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from driftline.model.answers import Decision
from driftline.model.columns import Columns
from driftline.model.scorer import as_probabilities
from driftline.spec.stream import StreamSpec
from training.balance import balance
from training.calibration import Calibration, calibrated, learn_calibration
from training.data import Dataset
from training.losses import class_weights, loss_of
from training.network import Network, build
from training.optimizers import optimizer_of
from training.preprocessing import learn
from training.runtime import keras, tf
from training.splits import split
from training.thresholds import learn_thresholds
from training.warm import Start, begin, note

# Share of the training rows, newest last, that early stopping watches. Half of it and forty rows decide when to stop;
# twice as much and the network learns from rows that are too old.
VALIDATION = 0.15


class Epoch(NamedTuple):
    """One pass over the rows: its number from 1, the most there will be, and the mean losses."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float | None


Progress = Callable[[Epoch], None]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network.

    Attributes
    ----------
    epochs : passes after which the weights stood as they are: the number for a refit on more rows.
    history : every epoch that was run.
    calibration : inside `network`; None without one.
    thresholds, cost : as `driftline.model.answers.Decision` takes them.
    notes : what is worth saying in the verdict.
    warm : whether it began from another version's weights.
    """

    network: Network
    epochs: int
    history: tuple[Epoch, ...]
    calibration: Calibration | None = None
    thresholds: tuple[float, ...] | None = None
    cost: tuple[tuple[float, ...], ...] | None = None
    notes: tuple[str, ...] = ()
    warm: bool = False

    def decision(self, spec: StreamSpec) -> Decision:
        """How these probabilities become answers."""
        return Decision(spec, self.thresholds, self.cost)

    def score(self, columns: Columns) -> NDArray[np.float32]:
        """Probabilities float32 [n, K], as a `driftline.model.scorer.Scorer` gives them."""
        inputs = {name: tf.constant(values) for name, values in self.network.preprocessing.encode(columns).items()}
        output: NDArray[np.float32] = self.network.inner(inputs, training=False).numpy()
        return as_probabilities(output)


def fit(
    spec: StreamSpec, dataset: Dataset, progress: Progress = lambda epoch: None, *, start: Start | None = None
) -> Fitted:
    """Train on `dataset`, of which a share is kept back for early stopping; the best weights are restored.

    Calibration and thresholds are learnt on the rows that were kept back. It begins from the weights of `start` where
    the network is the same.
    """
    older, newest = split(spec, dataset, VALIDATION, validation=True)
    balanced, notes = balance(spec, older)
    if spec.training.loop == "fit":
        from training.keras_fit import loop

        fitted = loop.fit(spec, balanced, newest, progress, start)
    else:
        fitted = _compiled(spec, balanced, newest, progress, start)
    return decided(spec, replace(fitted, notes=(*notes, *fitted.notes)), newest)


def _compiled(spec: StreamSpec, rows: Dataset, newest: Dataset, progress: Progress, start: Start | None) -> Fitted:
    trainer = _Trainer(spec, rows, start)
    watched = trainer.tensors(newest)
    best, best_loss, weights = 0, float("inf"), trainer.weights()
    measure = _measure(spec, trainer, newest)
    history: list[Epoch] = []
    for number in range(1, spec.training.epochs + 1):
        loss, val_loss = trainer.epoch(), trainer.loss(watched)
        history.append(Epoch(number, spec.training.epochs, loss, val_loss))
        progress(history[-1])
        if (left := measure(val_loss)) < best_loss:
            best, best_loss, weights = number, left, trainer.weights()
        elif number - best >= spec.training.patience:
            break
    trainer.restore(weights)
    return Fitted(trainer.network, max(best, 1), tuple(history), notes=trainer.notes, warm=trainer.warm)


def _measure(spec: StreamSpec, trainer: "_Trainer", rows: Dataset) -> Callable[[float], float]:
    """What has to fall: the loss that was just measured, or what macro F1 on these rows is short of."""
    if spec.training.monitor == "loss":
        return lambda loss: loss
    decision = Decision(spec)

    def short_of(loss: float) -> float:
        codes = decision.codes(Fitted(trainer.network, 0, ()).score(rows.columns))
        return 1.0 - float(f1_score(rows.labels, codes, average="macro", zero_division=0))

    return short_of


def refit(
    spec: StreamSpec,
    dataset: Dataset,
    epochs: int,
    progress: Progress = lambda epoch: None,
    *,
    learnt: Fitted | None = None,
    start: Start | None = None,
) -> Fitted:
    """Train afresh on all of `dataset` for as many passes as were found to be best.

    The calibration and the thresholds of `learnt` are kept: no row is left to learn others on. If `learnt` began from
    the weights of `start`, so does this; where the network on all rows is another one, `learnt` itself is returned,
    since its number of passes is too small for fresh weights.
    """
    balanced, _ = balance(spec, dataset)
    start = start if learnt is not None and learnt.warm else None
    if spec.training.loop == "fit":
        from training.keras_fit import loop

        fitted = loop.refit(spec, balanced, epochs, progress, start)
        if start is not None and not fitted.warm and learnt is not None:
            return learnt
        return fitted if learnt is None else kept(spec, fitted, learnt)
    trainer = _Trainer(spec, balanced, start)
    if start is not None and not trainer.warm and learnt is not None:
        return learnt
    history: list[Epoch] = []
    for number in range(1, epochs + 1):
        history.append(Epoch(number, epochs, trainer.epoch(), None))
        progress(history[-1])
    fitted = Fitted(trainer.network, epochs, tuple(history))
    return fitted if learnt is None else kept(spec, fitted, learnt)


def decided(spec: StreamSpec, fitted: Fitted, validation: Dataset) -> Fitted:
    """Learn calibration, then thresholds of the calibrated probabilities, on the rows that early stopping watched."""
    chosen = spec.training.decision
    if chosen.calibration != "none":
        inputs = {name: tf.constant(v) for name, v in fitted.network.preprocessing.encode(validation.columns).items()}
        logits: NDArray[np.float32] = fitted.network.logits(inputs, training=False).numpy()
        calibration = learn_calibration(spec, logits, validation.labels)
        network = calibrated(spec, fitted.network, calibration)
        fitted = replace(fitted, network=network, calibration=calibration)
    if chosen.thresholds == "half":
        return fitted
    if spec.task == "multiclass":
        return replace(fitted, cost=chosen.cost)
    thresholds, notes = learn_thresholds(spec, fitted.score(validation.columns), validation.labels)
    return replace(fitted, thresholds=thresholds, notes=(*fitted.notes, *notes))


def kept(spec: StreamSpec, fitted: Fitted, learnt: Fitted) -> Fitted:
    """`fitted` with the calibration and the thresholds that were learnt before."""
    return replace(
        fitted,
        network=calibrated(spec, fitted.network, learnt.calibration),
        calibration=learnt.calibration,
        thresholds=learnt.thresholds,
        cost=learnt.cost,
        notes=learnt.notes,
    )


class _Trainer:
    """One network and its optimizer; an epoch is a single call into one compiled graph.

    Keras' own `fit` spends about 0.1 s an epoch outside the graph, ten times what the arithmetic of a few hundred
    rows takes. Here the rows lie in memory as tensors, and only their order comes from outside: drawn by numpy, it
    does not depend on how often TensorFlow's generators were asked before.
    """

    def __init__(self, spec: StreamSpec, dataset: Dataset, start: Start | None = None) -> None:
        settings = spec.training
        keras.utils.set_random_seed(settings.seed)
        self._order = np.random.default_rng(settings.seed)
        self.network = build(spec, learn(spec, dataset.columns))
        reason = begin(spec, self.network, start) if start is not None else ""
        self.notes, self.warm = note(start, reason), start is not None and not reason
        self._batch = settings.batch_size
        self._loss = loss_of(spec)
        self._learning = loss_of(spec, class_weights(spec, dataset.labels))
        self._regularised = bool(settings.network.l1 or settings.network.l2)
        self._variables = self.network.logits.trainable_variables
        # Also what batch normalization keeps, which no gradient moves.
        self._kept = self.network.logits.weights
        self._optimizer = optimizer_of(spec, -(-len(dataset) // settings.batch_size))
        self._optimizer.build(self._variables)
        self._rows = len(dataset)
        self._data = self.tensors(dataset)
        self._run = tf.function(self._pass)
        self._measure = tf.function(self._mean_loss, reduce_retracing=True)

    def tensors(self, dataset: Dataset) -> tuple[dict[str, Any], Any]:
        inputs = self.network.preprocessing.encode(dataset.columns)
        return {name: tf.constant(values) for name, values in inputs.items()}, tf.constant(dataset.labels)

    def epoch(self) -> float:
        """One pass over all rows in a new order; the mean loss of its batches."""
        order = tf.constant(self._order.permutation(self._rows).astype(np.int32))
        return float(self._run(*self._data, order))

    def loss(self, data: tuple[dict[str, Any], Any]) -> float:
        """Mean loss on other rows, dropout off."""
        return float(self._measure(*data))

    def weights(self) -> list[NDArray[Any]]:
        return [variable.numpy() for variable in self._kept]

    def restore(self, weights: list[NDArray[Any]]) -> None:
        for variable, value in zip(self._kept, weights, strict=True):
            variable.assign(value)

    def _pass(self, inputs: dict[str, Any], labels: Any, order: Any) -> Any:
        rows = tf.shape(order)[0]
        steps = (rows + self._batch - 1) // self._batch
        total = tf.constant(0.0)
        for step in tf.range(steps):
            chosen = order[step * self._batch : tf.minimum((step + 1) * self._batch, rows)]
            batch = {name: tf.gather(values, chosen) for name, values in inputs.items()}
            with tf.GradientTape() as tape:
                loss = self._learning(tf.gather(labels, chosen), self.network.logits(batch, training=True))
                if self._regularised:
                    loss += tf.add_n(self.network.logits.losses)
            gradients = tape.gradient(loss, self._variables)
            self._optimizer.apply(gradients, self._variables)
            total += loss
        return total / tf.cast(steps, tf.float32)

    def _mean_loss(self, inputs: dict[str, Any], labels: Any) -> Any:
        return self._loss(labels, self.network.logits(inputs, training=False))
