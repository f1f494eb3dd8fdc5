"""What the fleet's technicians write: short made-up texts, some words of which tell the answer."""

import numpy as np
from numpy.typing import NDArray

# Words known to everyone, words particular to an answer, and the share of the latter in a text: one word in two, so
# that a text of six words tells its answer nearly always, yet no single word must.
COMMON, PARTICULAR, TELLING = 40, 12, 0.5
SHORTEST, LONGEST = 4, 9
_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "pl")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")


class Speech:
    """A vocabulary of `answers` dialects.

    Parameters
    ----------
    answers : number of answers, each with its own words.
    random : what the words are drawn from.
    """

    def __init__(self, answers: int, random: np.random.Generator) -> None:
        words: dict[str, None] = {}
        while len(words) < COMMON + PARTICULAR * answers:
            onsets, vowels = random.integers(len(_ONSETS), size=3), random.integers(len(_VOWELS), size=3)
            words["".join(_ONSETS[o] + _VOWELS[v] for o, v in zip(onsets, vowels, strict=True))] = None
        self._words = list(words)

    def say(self, answers: NDArray[np.int64], random: np.random.Generator) -> list[str]:
        """One text for each of `answers`, int64 [n]."""
        n = len(answers)
        lengths = random.integers(SHORTEST, LONGEST + 1, size=n)
        telling = random.random((n, LONGEST)) < TELLING
        common = random.integers(COMMON, size=(n, LONGEST))
        own = COMMON + PARTICULAR * answers[:, None] + random.integers(PARTICULAR, size=(n, LONGEST))
        chosen = np.where(telling, own, common).tolist()
        words = self._words
        return [
            " ".join([words[i] for i in row[:length]]) for row, length in zip(chosen, lengths.tolist(), strict=True)
        ]
