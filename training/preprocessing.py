"""What is learnt of the features before the network: statistics, categories, vocabularies. Training rows only.

No TensorFlow here. Strings become codes beside the graph, by the very look-ups that serving uses, once for a whole
training instead of once a step.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.model.columns import Columns
from driftline.model.lookups import CategoryLookup, Tokenizer
from driftline.registry.manifest import LookUps, TextLookUp
from driftline.spec.stream import StreamSpec
from training.transforms import Bounds, quantile_bounds, transformed

# A column whose deviation is this small beside its mean is constant up to float32's own rounding (2^-24); dividing by
# that would turn the first real change into thousands of deviations.
CONSTANT = 1e-6
# float32's largest square: a column spread wider than its root is scaled by the root, and clipped.
LARGEST_VARIANCE = 3e38
# A word seen in one row only teaches that row. Mapping such words to 'out of vocabulary' also gives that id an
# embedding that was trained, for the unknown words to come.
RARE = 1
# Stands in for an empty vocabulary, which the graph's look-up refuses. No text yields it: punctuation is stripped.
NO_TOKEN = "[none]"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What the graph must know of the training rows.

    Attributes
    ----------
    mean, variance : float32 [N], of the values present, transformed; 0 and 1 for a column without any, variance 1
        for a constant one.
    indicators : columns (ascending) that had missing values, and so get a missing indicator. Only those: the weight
        of an indicator that training never saw at 1 would stay at its random start, and add noise the first time a
        value is missing.
    look_ups : categories and vocabularies, as the manifest carries them to serving.
    bounds : lower and upper float32 [N] that raw values are cut to; None where no feature has a `clip`.
    """

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    indicators: tuple[int, ...]
    look_ups: LookUps
    bounds: Bounds | None = None

    def encode(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The inner model's inputs by name, those that the stream has.

        `numeric` float32 [n, N], `categorical` int32 [n, C], `tokens_I` int32 [n, L].
        """
        inputs: dict[str, NDArray[Any]] = {}
        if columns.numeric.shape[1]:
            inputs["numeric"] = np.ascontiguousarray(columns.numeric, dtype=np.float32)
        if self.look_ups.categories:
            codes = [CategoryLookup(c).codes(columns.categorical[:, i]) for i, c in enumerate(self.look_ups.categories)]
            inputs["categorical"] = np.stack(codes, axis=1)
        for i, text in enumerate(self.look_ups.texts):
            inputs[f"tokens_{i}"] = Tokenizer(text.vocabulary, text.sequence_length, text.ngrams).ids(
                columns.text[:, i]
            )
        return inputs


def learn(spec: StreamSpec, columns: Columns) -> Preprocessing:
    """Learn from `columns`, which must be training rows only."""
    bounds = quantile_bounds(spec.numeric, columns.numeric)
    values = transformed(spec.numeric, columns.numeric.astype(np.float64), bounds)
    missing = np.isnan(values)
    present = np.maximum((~missing).sum(axis=0), 1)
    mean = np.where(missing, 0.0, values).sum(axis=0) / present
    variance = np.where(missing, 0.0, (values - mean) ** 2).sum(axis=0) / present
    constant = np.sqrt(variance) <= CONSTANT * np.abs(mean)
    variance = np.where(constant, 1.0, np.clip(variance, np.finfo(np.float32).tiny, LARGEST_VARIANCE))
    return Preprocessing(
        mean=mean.astype(np.float32),
        variance=variance.astype(np.float32),
        indicators=tuple(int(j) for j in np.flatnonzero(missing.any(axis=0))),
        look_ups=LookUps(
            categories=tuple(feature.categories for feature in spec.categorical),
            texts=tuple(
                TextLookUp(
                    vocabulary=vocabulary(columns.text[:, i], feature.max_tokens, feature.ngrams),
                    sequence_length=feature.sequence_length,
                    ngrams=feature.ngrams,
                )
                for i, feature in enumerate(spec.text)
            ),
        ),
        bounds=bounds,
    )


def vocabulary(texts: NDArray[np.object_], max_tokens: int, ngrams: int = 1) -> tuple[str, ...]:
    """Tokens of `texts` (object [n] of str or None), in most rows first, ties by the alphabet.

    At most `max_tokens - 2`: ids 0 and 1 are padding and out of vocabulary.
    """
    rows: Counter[str] = Counter()
    for text in texts:
        if text:
            rows.update(set(Tokenizer.tokens(text, ngrams)))
    common = {token: count for token, count in rows.items() if count > RARE} or rows
    ranked = sorted(common, key=lambda token: (-common[token], token))
    return tuple(ranked[: max_tokens - 2]) or (NO_TOKEN,)
