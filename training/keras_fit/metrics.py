"""Macro F1 while Keras trains, by the definition that the evaluation of a candidate follows too."""

from typing import Any, Literal

from driftline.spec.stream import StreamSpec
from training.runtime import keras, tf

Task = Literal["binary", "multiclass", "multilabel"]


class MacroF1(keras.metrics.F1Score):  # type: ignore[misc]
    """Mean F1 of the classes that occur, as a label or as an answer.

    Equals `sklearn.metrics.f1_score(labels, codes, average="macro", zero_division=0)`: Keras' own refuses integer
    labels, and counts a class that never occurs as one that was always missed. For a multilabel stream scikit-learn
    knows every class by its column, so that there an absent class counts as 0 in both.

    Parameters
    ----------
    task : of the stream.
    classes : K.

    Notes
    -----
    `update_state` takes labels as `training.data.Dataset` has them (int64 [n], or bool [n, K]) and logits float32
    [n, units]. An answer is what `driftline.model.answers.Decision` gives at thresholds of a half: the largest logit,
    or each that is not negative.
    """

    def __init__(self, task: Task, classes: int, name: str = "f1") -> None:
        super().__init__(average=None, name=name)
        self._task, self._classes = task, classes
        # The counts exist before the first batch, so that a graph which is traced once finds them.
        self._build((None, classes), (None, classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        logits = tf.cast(y_pred, tf.float32)
        if self._task == "multilabel":
            super().update_state(tf.cast(y_true, tf.float32), tf.cast(logits >= 0, tf.float32), sample_weight)
            return
        labels = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        if self._task == "binary":
            codes = tf.cast(tf.reshape(logits, [-1]) >= 0, tf.int32)
        else:
            # Of equal logits the first wins, as in numpy; the maximum alone would mark them all.
            codes = tf.argmax(logits, axis=1, output_type=tf.int32)
        super().update_state(tf.one_hot(labels, self._classes), tf.one_hot(codes, self._classes), sample_weight)

    def result(self) -> Any:
        wrong = self.false_positives + self.false_negatives
        scores = tf.math.divide_no_nan(2 * self.true_positives, 2 * self.true_positives + wrong)
        if self._task == "multilabel":
            return tf.reduce_mean(scores)
        occurs = tf.cast(self.true_positives + wrong > 0, tf.float32)
        return tf.math.divide_no_nan(tf.reduce_sum(scores), tf.reduce_sum(occurs))


def macro_f1(spec: StreamSpec) -> MacroF1:
    """The metric of a stream."""
    return MacroF1(spec.task, len(spec.classes))
