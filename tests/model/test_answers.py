"""What a decision promises: probabilities in, the stream's own words out, and the way back for true labels."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.model.answers import Decision
from driftline.spec import parse_spec


def decision(task: str, classes: str, thresholds: list[float] | None = None) -> Decision:
    spec = parse_spec(
        {"stream": "s", "task": task, "classes": list(classes), "features": [{"name": "x", "type": "numeric"}]}
    )
    return Decision(spec, thresholds)


def rows(*probabilities: list[float]) -> Any:
    return np.array(probabilities, dtype=np.float32)


class TestMulticlass:
    def test_the_likeliest_class_with_its_probability(self) -> None:
        names, confidence = decision("multiclass", "abc").answers(rows([0.2, 0.5, 0.3], [0.9, 0.05, 0.05]))
        assert names == ["b", "a"]
        np.testing.assert_array_equal(confidence, np.float32([0.5, 0.9]))

    def test_no_rows(self) -> None:
        names, confidence = decision("multiclass", "abc").answers(np.empty((0, 3), np.float32))
        assert names == []
        assert confidence.shape == (0,)

    def test_a_true_label_that_is_no_class_is_minus_one(self) -> None:
        codes = decision("multiclass", "abc").encode(["c", "a", "z", "", ["a"], []])
        assert codes.tolist() == [2, 0, -1, -1, -1, -1]
        assert decision("multiclass", "abc").encode([]).tolist() == []


class TestBinary:
    def test_one_half_is_positive_by_default(self) -> None:
        names, _ = decision("binary", "np").answers(rows([0.5, 0.5], [0.51, 0.49]))
        assert names == ["p", "n"]

    def test_the_threshold_is_the_positive_class_own(self) -> None:
        names, confidence = decision("binary", "np", [0.8]).answers(rows([0.3, 0.7], [0.2, 0.8], [0.9, 0.1]))
        assert names == ["n", "p", "n"]
        # the probability of the answer given, also where it is not the likelier one
        np.testing.assert_allclose(confidence, [0.3, 0.8, 0.9])

    def test_a_threshold_of_zero_answers_positive_always(self) -> None:
        assert decision("binary", "np", [0.0]).answers(rows([1.0, 0.0]))[0] == ["p"]


class TestMultilabel:
    def test_every_class_that_holds_and_none_where_none_does(self) -> None:
        names, confidence = decision("multilabel", "abc").answers(rows([0.9, 0.1, 0.5], [0.1, 0.2, 0.4], [1, 1, 1]))
        assert names == [["a", "c"], [], ["a", "b", "c"]]
        # of the least sure yes or no
        np.testing.assert_allclose(confidence, [0.5, 0.6, 1.0])

    def test_each_class_has_its_threshold(self) -> None:
        assert decision("multilabel", "ab", [0.3, 0.9]).answers(rows([0.4, 0.8], [0.2, 0.95]))[0] == [["a"], ["b"]]

    def test_no_rows(self) -> None:
        assert decision("multilabel", "ab").answers(np.empty((0, 2), np.float32))[0] == []

    def test_a_single_class(self) -> None:
        assert decision("multilabel", "a").answers(rows([0.7], [0.2]))[0] == [["a"], []]

    def test_true_labels_become_a_mask_in_any_order_and_unknown_ones_are_no_class(self) -> None:
        mask = decision("multilabel", "abc").encode([["c", "a"], [], "b", ["z"], ["a", "a"]])
        assert mask.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]]

    @given(truth=st.lists(st.sets(st.sampled_from("abc")), max_size=6))
    def test_encoding_and_answering_are_inverse(self, truth: list[set[str]]) -> None:
        made = decision("multilabel", "abc")
        mask = np.asarray(made.encode([sorted(names) for names in truth]), dtype=np.float32).reshape(-1, 3)
        assert [set(names) for names in made.answers(mask)[0]] == truth
