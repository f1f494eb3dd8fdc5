"""What the look-ups promise: the codes that the graph was trained on, for any string."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.model.lookups import CategoryLookup, Tokenizer

VOCABULARY = ["pump", "leaks", "o", "kay"]


class TestCategories:
    def test_each_has_its_place_and_the_rest_is_unknown(self) -> None:
        look = CategoryLookup(["red", "", "Red", "1"])
        assert look.codes(["red", "", "Red", "1", "1.0", " red", None, "RED"]).tolist() == [1, 2, 3, 4, 0, 0, 0, 0]

    def test_nothing_gives_nothing(self) -> None:
        codes = CategoryLookup(["a"]).codes([])
        assert codes.shape == (0,)
        assert codes.dtype == np.int32

    @given(categories=st.lists(st.text(max_size=5), unique=True), values=st.lists(st.none() | st.text(max_size=5)))
    def test_a_code_leads_back_to_its_category(self, categories: list[str], values: list[str | None]) -> None:
        for value, code in zip(values, CategoryLookup(categories).codes(values).tolist(), strict=True):
            assert (value not in categories) if code == 0 else categories[code - 1] == value


class TestTokens:
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("Pump leaks!", ["pump", "leaks"]),
            ("o'kay rock-n-roll", ["okay", "rocknroll"]),  # stripped, not split at
            ("  a\tb\nc\r\nd\x0be\x0cf ", ["a", "b", "c", "d", "e", "f"]),
            ("ÜBER İstanbul", ["Über", "İstanbul"]),  # ASCII letters only are lowered
            ("ÀB", ["Àb"]),
            ("a\u00a0b\u2003c", ["a\u00a0b\u2003c"]),  # ASCII white space only is split at
            ("¿qué?", ["¿qué"]),  # ASCII punctuation only is stripped
            ("... !!!", []),
            ("", []),
            ("日本語", ["日本語"]),
        ],
    )
    def test_split_as_the_graph_splits(self, text: str, tokens: list[str]) -> None:
        assert Tokenizer.tokens(text) == tokens

    def test_ids_are_cut_and_padded_to_the_length(self) -> None:
        ids = Tokenizer(VOCABULARY, 3).ids(["pump leaks o kay", "kay", "strange pump", "", None, "?!"])
        assert ids.tolist() == [[2, 3, 4], [5, 0, 0], [1, 2, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
        assert ids.dtype == np.int32

    def test_no_texts(self) -> None:
        assert Tokenizer(VOCABULARY, 3).ids([]).shape == (0, 3)

    @given(texts=st.lists(st.none() | st.text(max_size=40), max_size=5), length=st.integers(1, 6))
    def test_any_text_has_ids_of_the_vocabulary_and_padding_last(self, texts: list[str | None], length: int) -> None:
        ids = Tokenizer(VOCABULARY, length).ids(texts)
        assert ids.shape == (len(texts), length)
        assert ((ids >= 0) & (ids < len(VOCABULARY) + 2)).all()
        for row in ids.tolist():
            assert 0 not in row or not any(row[row.index(0) :])
