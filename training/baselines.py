"""What the network has to beat: a linear model, and gradient-boosted trees, on the same rows.

A network that does not beat a straight line says so in its verdict.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec
from training.data import Codes, Dataset

Baseline = Literal["logistic", "boosted"]

# Most rows, the newest, that a retraining's baseline learns from: it must not outlast the network it stands beside.
MOST_ROWS = 20_000
# Trees split on single columns: a bag of words is folded into this many first.
_FOLDED = 64
# HistGradientBoosting takes categories up to this many as such; more are ordered codes.
_MOST_CATEGORIES = 255


def baseline(
    spec: StreamSpec, name: Baseline, older: Dataset, asked: Columns, *, most_rows: int | None = MOST_ROWS
) -> NDArray[np.float32]:
    """Train a baseline on `older` and let it answer `asked`: probabilities float32 [n, K].

    Parameters
    ----------
    name : 'logistic', a logistic regression on standardised numbers (gaps filled by the mean, with an indicator),
        one-hot categories and tf-idf of words; 'boosted', scikit-learn's HistGradientBoostingClassifier, which takes
        gaps as they are. One for each class where the task is multilabel.
    most_rows : newest rows that are learnt from, None for all.

    Notes
    -----
    Everything is learnt from `older` alone. A class that it does not hold has probability 0.
    """
    rows = older if most_rows is None else older.rows(max(len(older) - most_rows, 0), len(older))
    frame = _frame(spec, rows.columns)
    few = _few(spec, frame) if name == "boosted" else []
    prepare = _linear(spec) if name == "logistic" else _trees(spec, frame, few)
    learnt = prepare.fit_transform(frame)
    there = prepare.transform(_frame(spec, asked))
    k = len(spec.classes)
    if spec.task == "multilabel":
        truths = [rows.labels[:, j].astype(np.int64) for j in range(k)]
        return np.stack([_answers(spec, name, learnt, true, there, 2, len(few))[:, 1] for true in truths], axis=1)
    return _answers(spec, name, learnt, rows.labels, there, k, len(few))


def _answers(
    spec: StreamSpec, name: Baseline, x: Any, labels: Codes, asked: Any, classes: int, codes: int
) -> NDArray[np.float32]:
    """`codes` first columns of `x` are categories."""
    out = np.zeros((asked.shape[0], classes), dtype=np.float32)
    known, counts = np.unique(labels, return_counts=True)
    if len(known) == 1 or not x.shape[1]:
        out[:, known.astype(int)] = counts / counts.sum()
        return out
    model: Any
    if name == "logistic":
        model = LogisticRegression(max_iter=300)
    else:
        # Above 10,000 rows it keeps back a share of each class to stop early on; of a single row there is none.
        model = HistGradientBoostingClassifier(
            random_state=spec.training.seed,
            categorical_features=list(range(codes)) or None,
            early_stopping="auto" if counts.min() > 1 else False,
        )
    model.fit(x, labels)
    out[:, model.classes_.astype(int)] = model.predict_proba(asked)
    return out


def _frame(spec: StreamSpec, columns: Columns) -> pd.DataFrame:
    parts: dict[str, Any] = {f"n{i}": columns.numeric[:, i] for i in range(len(spec.numeric))}
    for i in range(len(spec.categorical)):
        parts[f"c{i}"] = np.array([value or "" for value in columns.categorical[:, i]], dtype=object)
    for i in range(len(spec.text)):
        parts[f"t{i}"] = np.array([value or "" for value in columns.text[:, i]], dtype=object)
    return pd.DataFrame(parts)


def _names(spec: StreamSpec) -> tuple[list[str], list[str], list[str]]:
    kinds = (("n", spec.numeric), ("c", spec.categorical), ("t", spec.text))
    numbers, categories, texts = ([f"{mark}{i}" for i in range(len(features))] for mark, features in kinds)
    return numbers, categories, texts


def _linear(spec: StreamSpec) -> ColumnTransformer:
    numbers, categories, texts = _names(spec)
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()),
                numbers,
            ),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
            *((f"words {name}", _words(), name) for name in texts),
        ]
    )


def _few(spec: StreamSpec, frame: pd.DataFrame) -> list[str]:
    """Categorical columns of few enough values, 'missing' and unlisted ones among them, to be taken as such."""
    return [name for name in _names(spec)[1] if frame[name].nunique() <= _MOST_CATEGORIES]


def _trees(spec: StreamSpec, frame: pd.DataFrame, few: list[str]) -> ColumnTransformer:
    numbers, categories, texts = _names(spec)
    # The trees refuse a column without any number.
    numbers = [name for name in numbers if frame[name].notna().any()]
    many = [n for n in categories if n not in few]

    def codes() -> OrdinalEncoder:
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)

    folded = ((f"words {name}", make_pipeline(_words(), _Folded(spec.training.seed)), name) for name in texts)
    # Categories first: their places are told to the trees.
    return ColumnTransformer(
        [("few", codes(), few), ("many", codes(), many), ("numbers", "passthrough", numbers), *folded],
        sparse_threshold=0,
    )


def _words() -> TfidfVectorizer:
    # A token pattern that finds something in any text, so that a column without words is a column of nothing.
    return TfidfVectorizer(token_pattern=r"(?u)\b\w+\b|^", sublinear_tf=True)


class _Folded(TruncatedSVD):  # type: ignore[misc]
    """Latent semantic analysis in no more dimensions than there are words; one word stays as it is."""

    def __init__(self, seed: int) -> None:
        super().__init__(n_components=_FOLDED, random_state=seed)
        self.seed = seed

    def fit_transform(self, x: Any, y: Any = None) -> Any:
        if x.shape[1] == 1:
            self.components_ = np.ones((1, 1))
            return x.toarray()
        self.n_components = max(min(_FOLDED, x.shape[1] - 1), 1)
        return super().fit_transform(x, y)
