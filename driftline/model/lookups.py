"""Strings to codes, beside the graph: what LiteRT cannot do inside it.

The SavedModel holds Keras' own StringLookup and TextVectorization. These are their equals in Python, so that the
serving process needs no TensorFlow; the export compares both on real rows and refuses LiteRT where they differ.
"""

import re
import string
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# TextVectorization's 'lower_and_strip_punctuation' removes exactly these characters.
_PUNCTUATION = str.maketrans("", "", string.punctuation)
# tf.strings.split without a separator splits at ASCII white space only, where str.split would take Unicode's too.
_WHITE_SPACE = re.compile(r"[ \t\n\r\f\v]+")


class CategoryLookup:
    """Codes of one categorical feature: 0 for unknown or missing, else 1 + the index of the category.

    >>> CategoryLookup(["red", "blue"]).codes(["blue", None, "green"]).tolist()
    [2, 0, 0]
    """

    def __init__(self, categories: Iterable[str]) -> None:
        self._codes: dict[str | None, int] = {category: index for index, category in enumerate(categories, start=1)}

    def codes(self, values: Iterable[str | None]) -> NDArray[np.int32]:
        """int32 [n]."""
        get = self._codes.get
        return np.fromiter((get(value, 0) for value in values), dtype=np.int32)


class Tokenizer:
    """Token ids of one text feature, as TextVectorization gives them: 0 pads, 1 is out of vocabulary.

    Parameters
    ----------
    vocabulary : tokens from id 2 on, most frequent first.
    sequence_length : ids per text; longer texts are cut, shorter ones padded with 0.
    ngrams : 2 for pairs of neighbouring words too, joined by a blank, after all the single words (as in
        TextVectorization, whose cut to the length comes last: a longer text loses its pairs first).

    >>> Tokenizer(["pump", "leaks"], 4).ids(["Pump leaks!", None]).tolist()
    [[2, 3, 0, 0], [0, 0, 0, 0]]
    >>> Tokenizer.tokens("Pump leaks badly", ngrams=2)
    ['pump', 'leaks', 'badly', 'pump leaks', 'leaks badly']
    """

    def __init__(self, vocabulary: Iterable[str], sequence_length: int, ngrams: int = 1) -> None:
        self._ids = {token: index for index, token in enumerate(vocabulary, start=2)}
        self._length = sequence_length
        self._ngrams = ngrams

    @staticmethod
    def tokens(text: str, ngrams: int = 1) -> list[str]:
        """Lower-cased, ASCII punctuation removed, split at ASCII white space; with `ngrams` 2, pairs after that."""
        # tf.strings.lower without an encoding lowers ASCII letters only.
        lowered = "".join(c.lower() if c.isascii() else c for c in text) if not text.isascii() else text.lower()
        words = [token for token in _WHITE_SPACE.split(lowered.translate(_PUNCTUATION)) if token]
        return words if ngrams == 1 else words + [f"{one} {other}" for one, other in pairwise(words)]

    def ids(self, texts: Iterable[str | None]) -> NDArray[np.int32]:
        """int32 [n, sequence_length]."""
        rows = list(texts)
        out = np.zeros((len(rows), self._length), dtype=np.int32)
        get = self._ids.get
        for row, text in enumerate(rows):
            if text:
                found = [get(token, 1) for token in self.tokens(text, self._ngrams)[: self._length]]
                out[row, : len(found)] = found
        return out
