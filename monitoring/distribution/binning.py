"""Raw columns to bins of the reference distribution: every feature of a batch in one pass."""

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.registry.reference import (
    CategoricalReference,
    FeatureReference,
    NumericReference,
    Reference,
    TextReference,
    word_counts,
)
from driftline.spec.stream import StreamSpec
from monitoring.distribution.layout import Layout


class FeatureBinner:
    """Bins raw columns as a model's reference does.

    The missing have a bin of their own, and so have unknown categories. Variables are in the order numeric, text (by
    its number of words), categorical.

    Parameters
    ----------
    spec : the stream.
    reference : what training wrote beside the model.

    Raises
    ------
    UsageError : the reference is of other features than the stream's.
    """

    def __init__(self, spec: StreamSpec, reference: Reference) -> None:
        _check(spec, reference)
        by_name = {feature.name: feature for feature in reference.features}
        self._scaled: list[NumericReference | TextReference] = []
        self._listed: list[CategoricalReference] = []
        for declared in (*spec.numeric, *spec.text, *spec.categorical):
            feature = by_name[declared.name]
            if isinstance(feature, CategoricalReference):
                self._listed.append(feature)
            else:
                self._scaled.append(feature)
        self.references: tuple[FeatureReference, ...] = (*self._scaled, *self._listed)
        self.layout = Layout(
            {f.name: (*f.counts, f.missing) for f in self.references},
            {f.name: f.overdispersion for f in self.references},
            spec.monitoring.data.window,
            meaning="".join(f.model_dump_json() for f in self.references).encode(),
        )
        deepest = max((len(f.edges) for f in self._scaled), default=0)
        edges = np.full((deepest, len(self._scaled)), np.inf, dtype=np.float32)
        for j, feature in enumerate(self._scaled):
            edges[: len(feature.edges), j] = feature.edges
        self._edges = edges
        self._narrow = np.uint8 if deepest < 256 else np.uint16
        self._codes: list[dict[str | None, int]] = []
        for listed in self._listed:
            codes: dict[str | None, int] = {category: i for i, category in enumerate(listed.categories)}
            codes[None] = len(listed.counts)
            self._codes.append(codes)

    @property
    def scaled(self) -> int:
        """How many variables have values (numeric and text); they come first."""
        return len(self._scaled)

    def values(self, columns: Columns) -> NDArray[np.float32]:
        """Numeric values, and the number of words of each text, float32 [n, scaled]; NaN where missing."""
        if not columns.text.shape[1]:
            return columns.numeric
        words = [word_counts(columns.text[:, j]) for j in range(columns.text.shape[1])]
        return np.concatenate([columns.numeric, np.stack(words, axis=1)], axis=1)

    def bins(self, columns: Columns, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """Flat bin of each value, int64 [n, variables]; `values` as given by `values`."""
        out = np.empty((len(columns), len(self.references)), dtype=np.int64)
        if self._scaled:
            # Counting the edges below a value is a binary search without branches: it runs over all features at once.
            index = np.zeros(values.shape, dtype=self._narrow)
            for edge in self._edges:
                index += values > edge
            missing = np.isnan(values)
            out[:, : len(self._scaled)] = index
            if missing.any():
                last = np.array([len(f.counts) for f in self._scaled], dtype=np.int64)
                out[:, : len(self._scaled)] = np.where(missing, last, out[:, : len(self._scaled)])
        for j, (feature, codes) in enumerate(zip(self._listed, self._codes, strict=True)):
            unknown = len(feature.counts) - 1
            get = codes.get
            out[:, len(self._scaled) + j] = [get(value, unknown) for value in columns.categorical[:, j]]
        out += self.layout.starts
        return out


def _check(spec: StreamSpec, reference: Reference) -> None:
    expected = [(f.name, f.type) for f in spec.features]
    found = [(f.name, f.type) for f in reference.features]
    if sorted(expected) != sorted(found):
        strange = sorted({name for name, _ in set(expected) ^ set(found)})
        raise UsageError(
            f"reference: read {len(found)} features that do not fit the stream's {len(expected)}; "
            f"they differ in {', '.join(strange[:5])}; allowed: the features of {spec.stream} with their types"
        )
