"""The loss of each task, from logits: exact where a probability would round to 0 or 1."""

from collections.abc import Callable
from typing import Any

from driftline.spec.stream import StreamSpec
from training.runtime import tf

Loss = Callable[[Any, Any], Any]


def loss_of(spec: StreamSpec) -> Loss:
    """Mean loss of labels and logits float32 [n, units].

    Sparse categorical cross-entropy for multiclass (labels int64 [n]), binary cross-entropy for binary (int64 [n])
    and, one for each class, for multilabel (bool [n, K]).
    """
    return {"multiclass": _categorical, "binary": _binary, "multilabel": _multilabel}[spec.task]


def _categorical(labels: Any, logits: Any) -> Any:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def _binary(labels: Any, logits: Any) -> Any:
    return _multilabel(labels[:, None], logits)


def _multilabel(labels: Any, logits: Any) -> Any:
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(labels, tf.float32), logits=logits))
