"""The optimizers, and how their step size changes from step to step."""

import math
from typing import Any

from driftline.spec.stream import StreamSpec
from driftline.spec.training import OptimizerSpec
from training.runtime import keras, tf


def optimizer_of(spec: StreamSpec, steps_per_epoch: int) -> Any:
    """A fresh Keras optimizer, as `training.optimizer` and `training.learning_rate` ask for it.

    Adam: Kingma and Ba, ICLR 2015. AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    RMSprop: Tieleman and Hinton, lecture 6.5 of their course, 2012. SGD with (Polyak's) momentum.
    """
    settings, first = spec.training.optimizer, spec.training.learning_rate
    rate: Any = first
    if settings.schedule != "constant" or settings.warm_up:
        rate = _Schedule(first, settings, spec.training.epochs, steps_per_epoch)
    if settings.name == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    if settings.name == "rmsprop":
        return keras.optimizers.RMSprop(rate)
    if settings.name == "sgd":
        return keras.optimizers.SGD(rate, momentum=settings.momentum)
    return keras.optimizers.Adam(rate)


def factor(settings: OptimizerSpec, passed: float, epochs: int) -> float:
    """What the first step size is multiplied by after `passed` epochs (fractions count) of at most `epochs`.

    The warm-up rises in a line from zero (Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2); the
    schedule begins after it. `cosine` ends at zero (Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts).

    >>> factor(OptimizerSpec(schedule="cosine", warm_up=2), 1.0, 10)
    0.5
    """
    if passed < settings.warm_up:
        return passed / settings.warm_up
    after = passed - settings.warm_up
    if settings.schedule == "exponential":
        return float(settings.decay**after)
    if settings.schedule == "cosine":
        whole = max(epochs - settings.warm_up, 1e-9)
        return 0.5 * (1 + math.cos(math.pi * min(after / whole, 1.0)))
    return 1.0


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """`factor`, in the graph."""

    def __init__(self, first: float, settings: OptimizerSpec, epochs: int, steps: int) -> None:
        self._first, self._settings, self._epochs, self._steps = first, settings, epochs, max(steps, 1)

    def __call__(self, step: Any) -> Any:
        settings = self._settings
        # Half a step on: the first step of a warm-up must not be of size zero.
        passed = (tf.cast(step, tf.float32) + 0.5) / self._steps
        after = passed - settings.warm_up
        if settings.schedule == "exponential":
            scale = tf.pow(settings.decay, after)
        elif settings.schedule == "cosine":
            part = tf.minimum(after / max(self._epochs - settings.warm_up, 1e-9), 1.0)
            scale = 0.5 * (1 + tf.cos(math.pi * part))
        else:
            scale = tf.ones_like(passed)
        if settings.warm_up:
            scale = tf.where(after < 0, passed / settings.warm_up, scale)
        return self._first * scale

    def get_config(self) -> dict[str, Any]:
        return {"first": self._first, "epochs": self._epochs, "steps": self._steps}
