"""`card.json` of a version: what its model card draws, measured while the network and the held-out rows were at hand.

All figures are of the network that was judged, before a refit. What the manifest says already (metrics, the confusion
matrix of a single-label task, baselines, data, verdict) is not said twice.
"""

from typing import Literal

from pydantic import Field

from driftline.registry.manifest import Document

CARD = "card.json"


class Epochs(Document):
    """Learning curves: one entry an epoch that was run."""

    loss: tuple[float | None, ...] = Field(description="Mean loss of the training rows; null where it was not finite.")
    val_loss: tuple[float | None, ...] = Field(description="Of the rows that early stopping watched.")
    best: int = Field(description="The epoch, from 1, whose weights were kept.")


class Curve(Document):
    """ROC and precision-recall curve of one class against the rest, thinned to at most 200 thresholds."""

    name: str
    rows: int = Field(description="Held-out rows of this class.")
    false_positive_rate: tuple[float, ...]
    recall: tuple[float, ...] = Field(description="The true positive rate, at the same thresholds.")
    precision: tuple[float, ...]


class Calibration(Document):
    """Reliability: bins of equal width of the confidence in the answer; multilabel: of every class's probability."""

    rows: tuple[int, ...] = Field(description="One a bin; of multilabel, rows times classes.")
    confidence: tuple[float | None, ...] = Field(description="Mean confidence; null in an empty bin.")
    right: tuple[float | None, ...] = Field(description="Share of right answers; multilabel: of classes that hold.")


class Importance(Document):
    """What shuffling one feature among the held-out rows costs, the mean over repeats."""

    name: str
    log_loss: float = Field(description="Rise of the log loss; negative: better without.")
    log_loss_spread: float = Field(description="Standard deviation over the repeats.")
    accuracy: float = Field(description="Fall of the accuracy.")


class Permutation(Document):
    """Permutation importance of features, the most important first."""

    features: tuple[Importance, ...] = ()
    rows: int = 0
    repeats: int = 0
    left_out: int = Field(default=0, description="Features not measured: those that alone say least of the label.")


class Layer(Document):
    """What a hidden layer puts out on held-out rows."""

    name: str
    units: int
    mean: float
    std: float
    zeros: float = Field(description="Share of outputs that are exactly 0.")
    dead: float = Field(description="Share of units that are 0 on every row.")


class Counts(Document):
    """Right and wrong yes-and-no decisions of one class of a multilabel task."""

    name: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


class Card(Document):
    """`card.json`."""

    schema_version: Literal[1] = 1
    held_out_rows: int
    epochs: Epochs
    curves: tuple[Curve, ...] = Field(default=(), description="At most 12 classes, those with most held-out rows.")
    calibration: Calibration
    permutation: Permutation = Permutation()
    layers: tuple[Layer, ...] = ()
    decisions: tuple[Counts, ...] = Field(default=(), description="Multilabel: one a class.")
