"""The reference distribution: what a model's training data looked like, as the drift monitor compares it.

Training writes it beside the model (`reference.json`), monitoring reads it. Fixed bins, so that counts of many
windows or many instances add up exactly.
"""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from driftline.model.columns import Columns
from driftline.registry.dependence import Dependence, describe_dependence
from driftline.registry.manifest import Document
from driftline.registry.overdispersion import overdispersion
from driftline.spec.stream import StreamSpec

BINS = 16
MOST_CLASSES = 100
"""Classes of which every pair is counted; beyond, the square of their number would be the largest thing kept."""


class NumericReference(Document):
    """Counts of a numeric feature between quantile edges; values below and above the edges fall into the end bins."""

    type: Literal["numeric"] = "numeric"
    name: str
    edges: tuple[float, ...] = Field(description="Ascending inner edges: b edges make b + 1 bins, (e[i-1], e[i]].")
    counts: tuple[int, ...] = Field(description="One a bin.")
    missing: int = 0
    overdispersion: tuple[float, ...] = Field(
        default=(), description="How much more stretches of 50, 100, 200 … rows vary than independent rows would."
    )
    mean: float = 0.0
    std: float = 0.0

    def bin(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """Counts of `values` (float [n], NaN missing) by bin, and the missing last; int64 [bins + 1]."""
        return np.bincount(self.index(values), minlength=len(self.counts) + 1)

    def index(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """Bin of each of `values` (float [n]); the missing have the last."""
        found = np.searchsorted(np.asarray(self.edges, dtype=np.float32), values, side="left")
        return np.where(np.isnan(values), len(self.counts), found).astype(np.int64)


class CategoricalReference(Document):
    """Counts of each listed category; the rest are unknown, or missing."""

    type: Literal["categorical"] = "categorical"
    name: str
    categories: tuple[str, ...]
    counts: tuple[int, ...] = Field(description="One a category, then the unknown.")
    missing: int = 0
    overdispersion: tuple[float, ...] = Field(
        default=(), description="How much more stretches of 50, 100, 200 … rows vary than independent rows would."
    )


class TextReference(Document):
    """Counts of texts by their number of white-space separated words, between edges."""

    type: Literal["text"] = "text"
    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int = 0
    overdispersion: tuple[float, ...] = Field(
        default=(), description="How much more stretches of 50, 100, 200 … rows vary than independent rows would."
    )


FeatureReference = Annotated[NumericReference | CategoricalReference | TextReference, Field(discriminator="type")]


class Reference(Document):
    """The reference of all features and of the model's own answers on held-out rows."""

    rows: int
    features: tuple[FeatureReference, ...] = Field(description="In the order of the specification's features.")
    prediction_counts: tuple[int, ...] = Field(description="Held-out answers of each class.")
    confidence_edges: tuple[float, ...] = tuple(round(i / 10, 1) for i in range(1, 10))
    confidence_counts: tuple[int, ...] = Field(description="Held-out confidences by those edges.")
    confidence_right: tuple[int, ...] = Field(
        default=(), description="How many of them were right; empty in versions made before this was kept."
    )
    class_counted: tuple[tuple[int, ...], ...] = Field(
        default=(),
        description="Of each class, held-out rows answered with it by their confidence; for a multilabel stream all "
        "rows by the probability of the class. By the same edges; empty in older versions.",
    )
    class_true: tuple[tuple[int, ...], ...] = Field(
        default=(), description="In how many of them the class was true; empty in older versions."
    )
    confusion_counts: tuple[tuple[int, ...], ...] = Field(
        default=(),
        description="Held-out rows by answer (line) and truth (column); empty for multilabel streams, of more than 100 "
        "classes and in older versions.",
    )
    prediction_overdispersion: tuple[float, ...] = Field(
        default=(), description="Of the held-out answers' classes, as that of a feature."
    )
    confidence_overdispersion: tuple[float, ...] = Field(default=(), description="Of the held-out confidences.")
    error_rate: float = Field(ge=0, le=1, description="Error rate on the held-out rows.")
    held_out_rows: int
    class_counts: tuple[int, ...] = Field(
        default=(), description="Labels of each class in the training window; empty in references of older versions."
    )
    class_overdispersion: tuple[float, ...] = Field(default=(), description="Of those labels, as that of a feature.")
    dependence: Dependence | None = Field(
        default=None, description="How numeric features depend on one another; none in versions of before 2026-12."
    )


def describe_answers(
    probabilities: NDArray[np.float32],
    codes: NDArray[Any],
    labels: NDArray[Any],
    edges: tuple[float, ...],
) -> dict[str, tuple[tuple[int, ...], ...]]:
    """How held-out answers of each class came true: the fields `class_counted`, `class_true`, `confusion_counts`.

    Parameters
    ----------
    probabilities : float32 [n, K].
    codes, labels : answers and truth: class codes int64 [n], or masks bool [n, K].
    """
    classes, bins = probabilities.shape[1], len(edges) + 1
    if codes.ndim == 2:
        sure, true = probabilities, labels
        which = np.broadcast_to(np.arange(classes), sure.shape)
    else:
        sure, true, which = probabilities[np.arange(len(codes)), codes], codes == labels, codes
    cell = which * bins + np.searchsorted(np.asarray(edges, dtype=np.float32), sure, side="left")
    counted = np.bincount(cell.ravel(), minlength=classes * bins).reshape(classes, bins)
    came = np.bincount(cell[true].ravel(), minlength=classes * bins).reshape(classes, bins)
    found = {"class_counted": _lines(counted), "class_true": _lines(came)}
    if codes.ndim == 1 and classes <= MOST_CLASSES:
        known = labels >= 0
        pairs = np.bincount(codes[known] * classes + labels[known], minlength=classes**2)
        found["confusion_counts"] = _lines(pairs.reshape(classes, classes))
    return found


def _lines(matrix: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(line) for line in matrix.tolist())


def describe_pairs(spec: StreamSpec, columns: Columns, features: tuple[FeatureReference, ...]) -> Dependence | None:
    """How the numeric ones of `features` depend on one another in `columns`, which are in the order of time."""
    by_name = {feature.name: (i, feature) for i, feature in enumerate(features)}
    numeric = [
        (i, feature)
        for i, feature in (by_name[declared.name] for declared in spec.numeric)
        if isinstance(feature, NumericReference)
    ]
    return describe_dependence(
        columns, [f.edges for _, f in numeric], [f.counts for _, f in numeric], [i for i, _ in numeric]
    )


def describe_features(spec: StreamSpec, columns: Columns, bins: int = BINS) -> tuple[FeatureReference, ...]:
    """The reference of each feature of `columns`, rows in the order of time, in the order of `spec.features`.

    Numeric edges are quantiles, so each bin holds about the same share; a feature with few distinct values gets one
    bin for each of them.
    """
    made: dict[str, FeatureReference] = {}
    for i, feature in enumerate(spec.numeric):
        values = columns.numeric[:, i]
        # In float32 the squares of values beyond 1e19 overflow, and an infinite deviation has no JSON.
        present = values[~np.isnan(values)].astype(np.float64)
        edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1])) if len(present) else np.zeros(0)
        empty = NumericReference(
            name=feature.name, edges=tuple(float(e) for e in edges), counts=(0,) * (len(edges) + 1)
        )
        index = empty.index(values)
        counted = np.bincount(index, minlength=len(edges) + 2)
        made[feature.name] = empty.model_copy(
            update={
                "counts": tuple(int(c) for c in counted[:-1]),
                "missing": int(counted[-1]),
                "overdispersion": overdispersion(index, len(counted)),
                "mean": float(present.mean()) if len(present) else 0.0,
                "std": float(present.std()) if len(present) else 0.0,
            }
        )
    for i, category in enumerate(spec.categorical):
        column = columns.categorical[:, i]
        codes = np.full(len(column), len(category.categories), dtype=np.int64)
        for code, value in enumerate(category.categories):
            codes[column == value] = code
        codes[[value is None for value in column]] = len(category.categories) + 1
        *counts, missing = np.bincount(codes, minlength=len(category.categories) + 2).tolist()
        made[category.name] = CategoricalReference(
            name=category.name,
            categories=category.categories,
            counts=tuple(counts),
            missing=missing,
            overdispersion=overdispersion(codes, len(counts) + 1),
        )
    for i, text in enumerate(spec.text):
        lengths = word_counts(columns.text[:, i])
        found = lengths[~np.isnan(lengths)]
        edges = np.unique(np.quantile(found, np.linspace(0, 1, 9)[1:-1])) if len(found) else np.zeros(0)
        places = np.where(np.isnan(lengths), len(edges) + 1, np.searchsorted(edges, lengths, side="left"))
        places = places.astype(np.int64)
        *lengths_counted, missing = np.bincount(places, minlength=len(edges) + 2).tolist()
        made[text.name] = TextReference(
            name=text.name,
            edges=tuple(float(e) for e in edges),
            counts=tuple(lengths_counted),
            missing=missing,
            overdispersion=overdispersion(places, len(edges) + 2),
        )
    return tuple(made[feature.name] for feature in spec.features)


def word_counts(texts: NDArray[np.object_]) -> NDArray[np.float32]:
    """Words of each text, float32 [n]; NaN where the text is missing."""
    return np.array([np.nan if text is None else len(text.split()) for text in texts], dtype=np.float32)
