"""The losses, against Keras' own, scikit-learn's weights, and what they are for."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from driftline.errors import UsageError
from driftline.spec import parse_spec
from driftline.spec.stream import StreamSpec
from training.losses import LARGEST_POSITIVE_WEIGHT, class_weights, loss_of
from training.runtime import keras, tf


def spec_of(task: str, classes: int = 3, **training: object) -> StreamSpec:
    return StreamSpec.model_validate(
        {
            "stream": "s",
            "task": task,
            "classes": [f"c{k}" for k in range(2 if task == "binary" else classes)],
            "features": [{"name": "x", "type": "numeric"}],
            "training": training,
        }
    )


rng = np.random.default_rng(0)
LOGITS = {
    "binary": rng.normal(size=(40, 1)),
    "multiclass": rng.normal(size=(40, 3)),
    "multilabel": rng.normal(size=(40, 3)),
}
LABELS = {
    "binary": rng.integers(0, 2, 40),
    "multiclass": rng.integers(0, 3, 40),
    "multilabel": rng.random((40, 3)) < 0.4,
}


def value(task: str, weights: np.ndarray | None = None, **loss: object) -> float:
    return float(
        loss_of(spec_of(task, loss=loss), weights)(tf.constant(LABELS[task]), tf.constant(LOGITS[task], tf.float32))
    )


def keras_value(loss: object, task: str, *, one_hot: bool = False) -> float:
    labels = LABELS[task]
    truth = np.eye(3)[labels] if one_hot else labels[:, None] if task == "binary" else labels
    return float(loss(truth.astype("float32"), LOGITS[task].astype("float32")))  # type: ignore[operator]


class TestAgainstKeras:
    def test_binary(self) -> None:
        for smoothing in (0.0, 0.1):
            expected = keras_value(
                keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing), "binary"
            )
            assert value("binary", label_smoothing=smoothing) == pytest.approx(expected, rel=1e-5)

    def test_sparse_and_dense_categorical_are_one_loss(self) -> None:
        sparse = value("multiclass", name="sparse-categorical-crossentropy")
        assert value("multiclass") == sparse
        assert value("multiclass", name="categorical-crossentropy") == pytest.approx(sparse, rel=1e-5)
        smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        found = value("multiclass", name="categorical-crossentropy", label_smoothing=0.1)
        assert found == pytest.approx(keras_value(smooth, "multiclass", one_hot=True), rel=1e-5)

    def test_multilabel(self) -> None:
        expected = keras_value(keras.losses.BinaryCrossentropy(from_logits=True), "multilabel")
        assert value("multilabel") == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("task", ["binary", "multilabel"])
    def test_focal(self, task: str) -> None:
        expected = keras_value(keras.losses.BinaryFocalCrossentropy(from_logits=True, gamma=2.0), task)
        assert value(task, name="focal") == pytest.approx(expected, rel=1e-5)

    def test_focal_of_several_classes(self) -> None:
        focal = keras.losses.CategoricalFocalCrossentropy(from_logits=True, alpha=1.0, gamma=1.5)
        found = value("multiclass", name="focal", focal_gamma=1.5)
        assert found == pytest.approx(keras_value(focal, "multiclass", one_hot=True), rel=1e-4)

    @pytest.mark.parametrize("task", list(LABELS))
    def test_focal_with_gamma_zero_is_cross_entropy(self, task: str) -> None:
        assert value(task, name="focal", focal_gamma=0.0) == pytest.approx(value(task), rel=1e-6)


class TestCorrelated:
    def test_it_asks_for_the_order_of_each_pair(self) -> None:
        loss = loss_of(spec_of("multilabel", loss={"name": "correlated", "correlation": 1.0}))
        labels = tf.constant([[True, False, False]])
        right, wrong = (
            float(loss(labels, tf.constant([[3.0, 0.0, 0.0]]))),
            float(loss(labels, tf.constant([[0.0, 3.0, 3.0]]))),
        )
        assert right == pytest.approx(np.log1p(np.exp(-3)), rel=1e-4)
        assert wrong == pytest.approx(np.log1p(np.exp(3)), rel=1e-4)

    def test_a_row_without_a_pair_adds_nothing_and_no_nan(self) -> None:
        loss = loss_of(spec_of("multilabel", loss={"name": "correlated", "correlation": 1.0}))
        assert float(loss(tf.constant([[True] * 3, [False] * 3]), tf.constant([[90.0, -90, 9]] * 2))) == 0.0

    def test_none_of_it_is_cross_entropy(self) -> None:
        assert value("multilabel", name="correlated", correlation=0.0) == pytest.approx(value("multilabel"), rel=1e-6)


class TestClassWeights:
    def test_are_scikit_learns_balanced_ones(self) -> None:
        labels = np.array([0] * 70 + [1] * 20 + [2] * 10)
        found = class_weights(spec_of("multiclass", imbalance={"method": "class-weights"}), labels)
        expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
        assert found == pytest.approx(expected, rel=1e-5)

    def test_of_a_class_that_is_not_there_are_one(self) -> None:
        found = class_weights(spec_of("multiclass", imbalance={"method": "class-weights"}), np.array([0] * 9 + [2]))
        assert found is not None and found[1] == 1.0 and np.isfinite(found).all()

    def test_of_labels_that_come_together_are_by_class_and_bounded(self) -> None:
        labels = np.zeros((1_000, 3), bool)
        labels[:100, 0], labels[0, 1] = True, True
        found = class_weights(spec_of("multilabel", imbalance={"method": "class-weights"}), labels)
        assert found is not None and found.tolist() == [9.0, LARGEST_POSITIVE_WEIGHT, 1.0]

    def test_nothing_is_weighed_unless_asked_for(self) -> None:
        assert class_weights(spec_of("binary"), np.array([0, 1])) is None

    @pytest.mark.parametrize("task", list(LABELS))
    def test_a_weight_of_two_is_a_row_twice_as_loud(self, task: str) -> None:
        k = 2 if task == "binary" else 3
        assert value(task, np.ones(k, np.float32)) == pytest.approx(value(task), rel=1e-6)
        if task != "multilabel":
            assert value(task, np.full(k, 2, np.float32)) == pytest.approx(2 * value(task), rel=1e-5)
        else:  # only where the class holds
            louder = value(task, np.full(k, 2, np.float32))
            assert value(task) < louder < 2 * value(task)


@pytest.mark.parametrize(
    ("task", "name"),
    [("binary", "correlated"), ("multiclass", "binary-crossentropy"), ("multilabel", "categorical-crossentropy")],
)
def test_a_loss_that_does_not_fit_the_task_is_named(task: str, name: str) -> None:
    wrong = {
        "stream": "s",
        "task": task,
        "classes": ["a", "b"] if task == "binary" else ["a", "b", "c"],
        "features": [{"name": "x", "type": "numeric"}],
        "training": {"loss": {"name": name}},
    }
    with pytest.raises(UsageError, match=rf"training.loss.name: read {name}; allowed for a {task} task: auto"):
        parse_spec(wrong)
