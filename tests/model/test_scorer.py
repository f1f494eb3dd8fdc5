"""What a scorer promises: a record's answer is its own, whatever stands beside it in the batch."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftline.model.columns import Columns
from driftline.model.scorer import LiteRTScorer, as_probabilities
from driftline.registry.manifest import LookUps, TextLookUp

LOOK_UPS = LookUps(
    categories=(("red", "blue"), ("n", "s", "w")),
    texts=(TextLookUp(vocabulary=("pump", "leaks"), sequence_length=4),),
)
SIZES = [0, 1, 2, 7, 8, 9, 63, 64, 65, 512, 513, 2000]


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small graphs with the inputs of an exported model: every row's answer depends on all of that row's values."""
    pytest.importorskip("tensorflow", reason="the graphs are made by TensorFlow (driftline[train])")
    from training.runtime import tf

    class Mixed(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            rng = np.random.default_rng(3)
            self.weights = tf.constant(rng.normal(size=(9, 3)).astype(np.float32))

        @tf.function  # type: ignore[untyped-decorator]
        def __call__(self, numeric, categorical, tokens_0):  # type: ignore[no-untyped-def]
            filled = tf.where(tf.math.is_nan(numeric), tf.zeros_like(numeric), numeric)
            everything = tf.concat([filled, tf.cast(categorical, tf.float32), tf.cast(tokens_0, tf.float32)], axis=1)
            return {"probabilities": tf.nn.softmax(everything @ self.weights)}

    class Sigmoid(tf.Module):  # type: ignore[misc]
        @tf.function  # type: ignore[untyped-decorator]
        def __call__(self, numeric):  # type: ignore[no-untyped-def]
            return {"probabilities": tf.sigmoid(tf.reduce_sum(numeric, axis=1, keepdims=True))}

    def converted(module: tf.Module, name: str, *inputs: tf.TensorSpec) -> bytes:
        folder = tmp_path_factory.mktemp(name)
        tf.saved_model.save(module, str(folder), signatures=module.__call__.get_concrete_function(*inputs))
        return bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())

    return {
        "mixed": converted(
            Mixed(),
            "mixed",
            tf.TensorSpec([None, 3], tf.float32, name="numeric"),
            tf.TensorSpec([None, 2], tf.int32, name="categorical"),
            tf.TensorSpec([None, 4], tf.int32, name="tokens_0"),
        ),
        "sigmoid": converted(Sigmoid(), "sigmoid", tf.TensorSpec([None, 2], tf.float32, name="numeric")),
    }


@pytest.fixture(scope="session")
def scorer(graphs: dict[str, bytes]) -> LiteRTScorer:
    return LiteRTScorer(graphs["mixed"], LOOK_UPS)


@pytest.fixture(scope="session")
def columns() -> Columns:
    rng = np.random.default_rng(5)
    n = max(SIZES)

    def drawn(values: list[object], width: int) -> NDArray[np.object_]:
        return rng.choice(np.array(values, dtype=object), (n, width))

    numeric = rng.normal(size=(n, 3)).astype(np.float32)
    numeric[rng.random((n, 3)) < 0.1] = np.nan
    categorical = np.concatenate([drawn(["red", "blue", None], 1), drawn(["n", "s", "w", "elsewhere"], 1)], axis=1)
    return Columns(numeric, categorical, drawn(["Pump leaks!", "pump, pump", None, "", "all is well"], 1))


@pytest.fixture(scope="session")
def one_by_one(scorer: LiteRTScorer, columns: Columns) -> NDArray[np.float32]:
    return np.concatenate([scorer.score(columns.take(slice(i, i + 1))) for i in range(len(columns))])


class TestRowsDoNotMeet:
    @pytest.mark.parametrize("size", SIZES)
    def test_a_batch_answers_as_its_rows_do_alone(
        self, scorer: LiteRTScorer, columns: Columns, one_by_one: NDArray[np.float32], size: int
    ) -> None:
        answers = scorer.score(columns.take(slice(0, size)))
        assert answers.shape == (size, 3)
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers, one_by_one[:size], rtol=1e-5, atol=1e-6)

    @settings(max_examples=25)
    @given(rows=st.lists(st.integers(0, max(SIZES) - 1), min_size=1, max_size=140))
    def test_in_any_company(
        self, scorer: LiteRTScorer, columns: Columns, one_by_one: NDArray[np.float32], rows: list[int]
    ) -> None:
        chosen = np.array(rows)
        np.testing.assert_allclose(scorer.score(columns.take(chosen)), one_by_one[chosen], rtol=1e-5, atol=1e-6)

    def test_an_answer_is_not_overwritten_by_the_next(self, scorer: LiteRTScorer, columns: Columns) -> None:
        first = scorer.score(columns.take(slice(0, 8)))
        before = first.copy()
        scorer.score(columns.take(slice(8, 16)))
        np.testing.assert_array_equal(first, before)

    def test_the_columns_given_are_not_changed(self, scorer: LiteRTScorer, columns: Columns) -> None:
        before = columns.numeric.copy()
        scorer.score(columns)
        np.testing.assert_array_equal(columns.numeric, before)

    def test_columns_that_are_a_view_score_alike(
        self, scorer: LiteRTScorer, columns: Columns, one_by_one: NDArray[np.float32]
    ) -> None:
        every_third = columns.take(slice(0, 60, 3))
        np.testing.assert_allclose(scorer.score(every_third), one_by_one[:60:3], rtol=1e-5, atol=1e-6)


class TestBinary:
    @pytest.mark.parametrize("size", [0, 1, 9, 600])
    def test_a_single_sigmoid_is_widened(self, graphs: dict[str, bytes], size: int) -> None:
        numeric = np.linspace(-3, 3, size * 2, dtype=np.float32).reshape(size, 2)
        none = np.empty((size, 0), dtype=object)
        answers = LiteRTScorer(graphs["sigmoid"], LookUps()).score(Columns(numeric, none, none))
        positive = 1 / (1 + np.exp(-numeric.astype(float).sum(axis=1)))
        assert answers.shape == (size, 2)
        np.testing.assert_allclose(answers, np.stack([1 - positive, positive], axis=1), atol=1e-6)

    def test_as_probabilities(self) -> None:
        np.testing.assert_allclose(as_probabilities(np.float32([[0.2], [1.0]])), [[0.8, 0.2], [0, 1]])
        assert as_probabilities(np.empty((0, 1), np.float32)).shape == (0, 2)
        three = np.float32([[0.2, 0.3, 0.5]])
        assert as_probabilities(three) is three


class TestWarm:
    def test_no_batch_waits_for_an_interpreter(self, graphs: dict[str, bytes], columns: Columns) -> None:
        made = LiteRTScorer(graphs["mixed"], LOOK_UPS)
        made.warm()
        before = dict(made._runners)
        made.score(columns)
        assert made._runners == before

    def test_a_file_that_is_no_model_is_refused_at_load(self, tmp_path: Path) -> None:
        with pytest.raises((ValueError, RuntimeError)):
            LiteRTScorer(b"not a model", LookUps()).warm()
