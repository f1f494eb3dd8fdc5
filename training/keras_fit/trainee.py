"""The network as Keras' `fit` trains it: the loss, the optimizer and the metric of driftline's own loop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from training.keras_fit.metrics import macro_f1
from training.keras_fit.precision import scaled
from training.keras_fit.strategies import Workers
from training.losses import loss_of
from training.network import Network
from training.optimizers import optimizer_of
from training.runtime import keras, tf


class Trainee(keras.Model):  # type: ignore[misc]
    """A view of `training.network.Network.logits` with the loss of `training.losses`; it shares every weight.

    Keras would give its own losses the labels as float32 of another rank; here they arrive as the rows hold them.
    """

    def equip(
        self,
        spec: StreamSpec,
        steps_per_epoch: int,
        *,
        half: bool,
        workers: Workers,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        """Compile: loss (with class weights in training), optimizer, and macro F1 on validation rows."""
        self._loss_of, self._learning, self._workers = loss_of(spec), loss_of(spec, weights), workers
        # One metric on validation rows only: on training rows, with dropout on, it would say little and cost a step.
        self._f1 = macro_f1(spec)
        self.compile(optimizer=scaled(optimizer_of(spec, steps_per_epoch), half), loss=_unused, jit_compile=False)
        self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean loss of a batch, and, in training, the penalties on weights."""
        loss = (self._learning if training else self._loss_of)(y, tf.cast(y_pred, tf.float32))
        loss = tf.add_n([loss, *self.losses]) if training and self.losses else loss
        # Replicas of one machine: Keras sums their gradients.
        return loss / tf.distribute.get_strategy().num_replicas_in_sync

    def train_step(self, data: Any) -> Any:
        """Keras' own step; with several workers, on the sum of their gradients.

        Each worker has its rows of the batch, and their count against the batch's: the weighted sum of means is the
        mean of the whole, so that n workers take the step that one would.
        """
        if not self._workers.several:
            return super().train_step(data)
        inputs, labels, share = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, labels, self(inputs, training=True)) * share[0]
            scaled_loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled_loss, self.trainable_variables)
        *summed, total = self._workers.sum([*map(tf.convert_to_tensor, gradients), loss])
        self.optimizer.apply(summed, self.trainable_variables)
        self._loss_tracker.update_state(total)
        return {"loss": self._loss_tracker.result()}

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return {"loss": self._loss_tracker.result()}

    def test_step(self, data: Any) -> Any:
        inputs, labels = data
        logits = tf.cast(self(inputs, training=False), tf.float32)
        self._loss_tracker.update_state(self._loss_of(labels, logits), sample_weight=tf.shape(logits)[0])
        self._f1.update_state(labels, logits)
        return {"loss": self._loss_tracker.result(), "f1": self._f1.result()}

    @property
    def metrics(self) -> list[Any]:
        """What is set back before each pass."""
        return [self._loss_tracker, self._f1]


def trainee(network: Network) -> Trainee:
    """A trainable view of `network`."""
    return Trainee(network.logits.input, network.logits.output)


def _unused(labels: Any, logits: Any) -> Any:
    """Keras asks for a loss where `compute_loss` is the one that counts."""
    raise AssertionError("compute_loss is overridden")
