import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from driftline.model.columns import Columns
from tests.training.conftest import numeric_spec
from training.preprocessing import NO_TOKEN, learn, vocabulary

LARGEST = float(np.finfo(np.float32).max)


def numeric(values: object) -> Columns:
    matrix = np.asarray(values, dtype=np.float32)
    return Columns(matrix, np.empty((len(matrix), 0), object), np.empty((len(matrix), 0), object))


class TestStatistics:
    def test_missing_values_are_left_out(self) -> None:
        found = learn(numeric_spec(), numeric([[1, np.nan, 5], [3, np.nan, 5], [np.nan, np.nan, 5]]))
        assert found.mean.tolist() == [2, 0, 5]
        assert found.variance.tolist() == [1, 1, 1]
        assert found.indicators == (0, 1)

    @settings(max_examples=100, deadline=None)
    @given(arrays(np.float32, (7, 3), elements=st.floats(-LARGEST, LARGEST, width=32) | st.just(float("nan"))))
    def test_always_finite_and_never_zero(self, values: np.ndarray) -> None:
        found = learn(numeric_spec(), numeric(values))
        assert np.isfinite(found.mean).all()
        assert np.isfinite(found.variance).all()
        assert (np.sqrt(found.variance) > 0).all()


class TestVocabulary:
    def test_most_rows_first_then_the_alphabet_and_rare_words_out(self) -> None:
        texts = np.array(["b a", "a b b", "a!", "c", None], dtype=object)
        assert vocabulary(texts, 100) == ("a", "b")

    def test_no_larger_than_asked_with_padding_and_unknown(self) -> None:
        texts = np.array([" ".join(f"w{i}" for i in range(200))] * 2, dtype=object)
        assert len(vocabulary(texts, 100)) == 98

    def test_rare_words_are_kept_where_there_are_no_others(self) -> None:
        assert vocabulary(np.array(["x", "y"], dtype=object), 100) == ("x", "y")

    def test_no_text_at_all(self) -> None:
        assert vocabulary(np.array([None, "!!"], dtype=object), 100) == (NO_TOKEN,)
