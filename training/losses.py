"""The losses, from logits: exact where a probability would round to 0 or 1."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from training.data import Codes
from training.runtime import tf

Loss = Callable[[Any, Any], Any]

# A class that holds in one row of ten thousand must not count ten thousandfold: a single wrong label would rule.
LARGEST_POSITIVE_WEIGHT = 50.0


def loss_of(spec: StreamSpec, weights: NDArray[np.float32] | None = None) -> Loss:
    """Mean loss of labels and logits float32 [n, units]; what `training.loss` asks for.

    Labels are int64 [n] for binary and multiclass, bool [n, K] for multilabel.

    Parameters
    ----------
    weights : float32 [K], see `class_weights`; None weighs all alike. They are inside the loss because Keras' own
        `class_weight` takes the argmax of a multilabel row, and so weighs by its first class.

    Notes
    -----
    - `focal`: cross-entropy times (1 - p)^gamma, p the probability of the truth; rows that are easy stop to count.
      Lin et al., "Focal loss for dense object detection" (ICCV 2017), section 3.
    - `correlated`: (1 - c) binary cross-entropy + c times, over all pairs of a class that holds and one that does not
      in the same row, log(1 + exp(-(difference of their logits))). Cross-entropy treats classes one by one; a pair
      is wrong when the wrong one of two is preferred, so that classes which exclude or bring one another teach each
      other. Zhang and Zhou, "Multilabel neural networks with applications to functional genomics and text
      categorization", IEEE TKDE 18(10), 2006 (BP-MLL), with the logistic instead of their exponential, whose gradient
      has no bound. A row without such a pair has cross-entropy only.
    """
    settings = spec.training.loss
    name, smoothing = settings.name, settings.label_smoothing
    held = None if weights is None else tf.constant(weights)
    if spec.task == "multiclass":
        gamma = settings.focal_gamma if name == "focal" else 0.0
        dense = name == "categorical-crossentropy" or (smoothing > 0 and name != "focal")
        return _categorical(held, gamma, smoothing if dense else None)
    gamma = settings.focal_gamma if name == "focal" else 0.0
    smoothing = 0.0 if name == "focal" else smoothing
    one_by_one = _sigmoid(held, gamma, smoothing, several=spec.task == "multilabel")
    if name != "correlated":
        return one_by_one
    share = settings.correlation

    def both(labels: Any, logits: Any) -> Any:
        return (1 - share) * one_by_one(labels, logits) + share * _pairs(labels, logits)

    return both


def class_weights(spec: StreamSpec, labels: Codes) -> NDArray[np.float32] | None:
    """What `training.imbalance.method: class-weights` makes of training labels; None for every other method.

    Returns
    -------
    float32 [K]. Single-label tasks: n / (classes that occur * rows of the class), so that each class weighs the same
    in all (King and Zeng, "Logistic regression in rare events data", 2001; scikit-learn's 'balanced'). Multilabel: of
    the rows in which a class holds, rows without / rows with, at most 50.
    """
    if spec.training.imbalance.method != "class-weights":
        return None
    k = len(spec.classes)
    if labels.ndim == 2:
        positive = labels.sum(axis=0).astype(np.float64)
        ratio = (len(labels) - positive) / np.maximum(positive, 1)
        return np.where(positive > 0, np.clip(ratio, 1 / LARGEST_POSITIVE_WEIGHT, LARGEST_POSITIVE_WEIGHT), 1.0).astype(
            np.float32
        )
    rows = np.bincount(labels.astype(np.int64), minlength=k).astype(np.float64)
    return np.where(rows > 0, len(labels) / (max((rows > 0).sum(), 1) * np.maximum(rows, 1)), 1.0).astype(np.float32)


def _categorical(weights: Any, gamma: float, smoothing: float | None) -> Loss:
    def loss(labels: Any, logits: Any) -> Any:
        if smoothing is None:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        else:
            k = logits.shape[-1]
            truth = tf.one_hot(labels, k) * (1 - smoothing) + smoothing / k
            each = tf.nn.softmax_cross_entropy_with_logits(labels=truth, logits=logits)
        if gamma:
            each *= (1 - tf.exp(-each)) ** gamma
        if weights is not None:
            each *= tf.gather(weights, labels)
        return tf.reduce_mean(each)

    return loss


def _sigmoid(weights: Any, gamma: float, smoothing: float, *, several: bool) -> Loss:
    def loss(labels: Any, logits: Any) -> Any:
        hard = tf.cast(labels if several else labels[:, None], tf.float32)
        truth = hard * (1 - smoothing) + smoothing / 2 if smoothing else hard
        each = tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits)
        if gamma:
            each *= (1 - tf.exp(-each)) ** gamma
        if weights is not None:
            each *= 1 + hard * (weights - 1) if several else tf.gather(weights, labels)[:, None]
        return tf.reduce_mean(each)

    return loss


def _pairs(labels: Any, logits: Any) -> Any:
    holds = tf.cast(labels, tf.float32)
    pairs = holds[:, :, None] * (1 - holds)[:, None, :]
    wrong = tf.nn.softplus(logits[:, None, :] - logits[:, :, None])
    return tf.reduce_mean(tf.reduce_sum(pairs * wrong, [1, 2]) / tf.maximum(tf.reduce_sum(pairs, [1, 2]), 1.0))
