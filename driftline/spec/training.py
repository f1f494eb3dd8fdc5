"""The training sections of a stream's specification: from the rows to a model that is worth promoting.

The defaults suit windows of a few hundred to a few thousand rows of a stream; everything else is by choice.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from driftline.spec.features import Strict


class NetworkSpec(Strict):
    """The network between the features and the answer.

    The defaults suit windows of a few hundred to a few thousand rows: wide and strongly regularised beat narrow by a
    point of accuracy on such, at 1.3 µs a record in LiteRT.
    """

    hidden: tuple[Annotated[int, Field(ge=1, le=16_384)], ...] = Field(
        default=(256, 128), description="Width of each dense layer, 1 to 16,384; an empty list is a linear model."
    )
    dropout: float = Field(default=0.5, ge=0, lt=1, description="Share of each layer's outputs dropped in training.")
    activation: Literal["relu", "gelu", "tanh", "selu", "elu", "silu"] = Field(
        default="relu", description="Function of each dense layer."
    )
    batch_normalization: bool = Field(
        default=False, description="Normalise each layer's outputs over the batch, before the activation."
    )
    l1: float = Field(default=0.0, ge=0, le=1, description="L1 penalty on the dense layers' weights.")
    l2: float = Field(default=0.0, ge=0, le=1, description="L2 penalty on the dense layers' weights.")


class OptimizerSpec(Strict):
    """What moves the weights, and by how much; the first step size is `training.learning_rate`."""

    name: Literal["adam", "adamw", "rmsprop", "sgd"] = Field(default="adam", description="The optimizer.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of `sgd`.")
    weight_decay: float = Field(default=0.004, ge=0, le=1, description="Weight decay of `adamw`.")
    schedule: Literal["constant", "exponential", "cosine"] = Field(
        default="constant", description="How the step size changes from epoch to epoch, over at most `training.epochs`."
    )
    decay: float = Field(
        default=0.95, gt=0, le=1, description="Factor of the step size from one epoch to the next, for `exponential`."
    )
    warm_up: int = Field(
        default=0, ge=0, le=1_000, description="Epochs in which the step size first rises from zero, in a line."
    )


class LossSpec(Strict):
    """What the weights are moved for."""

    name: Literal[
        "auto",
        "binary-crossentropy",
        "sparse-categorical-crossentropy",
        "categorical-crossentropy",
        "focal",
        "correlated",
    ] = Field(
        default="auto",
        description="`auto`: binary cross-entropy for binary and multilabel, sparse categorical for multiclass. "
        "`correlated` (multilabel only) adds a penalty on pairs of classes in the wrong order.",
    )
    focal_gamma: float = Field(default=2.0, ge=0, le=10, description="Focal loss: how little easy rows count.")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="Probability moved from the true class to all; for cross-entropies."
    )
    correlation: float = Field(
        default=0.2, ge=0, le=1, description="`correlated`: weight of the pairwise term; the rest is cross-entropy."
    )


class ImbalanceSpec(Strict):
    """Classes that are rare: weighted or resampled, in the training rows only."""

    method: Literal["none", "class-weights", "smote", "adasyn"] = Field(
        default="none",
        description="`class-weights` counts rare classes more in the loss; `smote` and `adasyn` make rows between "
        "neighbours of a rare class, until it has as many as the most frequent one (no text, not for multilabel; "
        "`adasyn` numeric features only). Both need `pip install 'driftline[balance]'`.",
    )
    neighbours: int = Field(default=5, ge=1, le=100, description="Neighbours that a made row lies between.")


class DecisionSpec(Strict):
    """From probabilities to answers: calibration and thresholds, learnt on the validation rows."""

    calibration: Literal["none", "temperature", "isotonic"] = Field(
        default="none", description="How probabilities are made honest; inside the model's graph."
    )
    thresholds: Literal["half", "f-beta", "cost", "recall"] = Field(
        default="half",
        description="Binary and multilabel: when a class holds. `f-beta` maximises F-beta, `cost` minimises "
        "`cost`, `recall` maximises precision among thresholds that keep `minimum_recall`. Multiclass: `half` answers "
        "the most probable class, `cost` the one of least expected cost.",
    )
    beta: float = Field(default=1.0, gt=0, le=10, description="Weight of recall over precision in F-beta.")
    cost: tuple[tuple[float, ...], ...] | None = Field(
        default=None,
        description="Cost of answering class j (column) where class i (row) is true, in the order of `classes`. "
        "For multilabel, of answering no or yes (column) where no or yes (row) is true, for each class.",
    )
    minimum_recall: float = Field(default=0.8, gt=0, le=1, description="Recall that `recall` keeps.")


class SplitSpec(Strict):
    """How rows are held out."""

    method: Literal["time", "stratified", "grouped"] = Field(
        default="time",
        description="`time` holds out the newest rows; `stratified` draws the same share of each class; "
        "`grouped` holds out whole groups.",
    )
    group: str | None = Field(
        default=None, description="Categorical feature that names a row's group (its device), for `grouped`."
    )


class Range(Strict):
    """One setting that is searched: between `low` and `high`, or among `choices`."""

    field: str = Field(description="Path of a field under `training`, such as `network.dropout`.")
    low: float | None = Field(default=None, description="Least value.")
    high: float | None = Field(default=None, description="Greatest value.")
    log: bool = Field(default=False, description="Draw on a logarithmic scale.")
    choices: tuple[Any, ...] | None = Field(default=None, description="The values to choose from.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        between = self.low is not None and self.high is not None
        if between == (self.choices is not None) or (self.low is None) != (self.high is None):
            raise ValueError("either low and high, or choices")
        if between and self.low >= self.high:  # type: ignore[operator]
            raise ValueError(f"low: read {self.low}; allowed: less than high ({self.high})")
        if self.log and not (self.low or 0) > 0:
            raise ValueError("log: needs a low above 0")
        return self


class TuningSpec(Strict):
    """Searching for better settings; see `driftline tune`."""

    space: tuple[Range, ...] = Field(default=(), description="What is searched; empty: a space that suits most data.")
    sampler: Literal["random", "bayesian"] = Field(
        default="bayesian", description="`bayesian` is Optuna's tree-structured Parzen estimator."
    )
    pruning: Literal["none", "median", "hyperband"] = Field(
        default="median", description="When a trial that is behind is given up."
    )
    trials: int = Field(default=50, ge=1, le=100_000, description="Most trials.")
    seconds: int = Field(default=600, ge=1, description="Most seconds.")


class ExportSpec(Strict):
    """The forms in which a version is stored, beside SavedModel and LiteRT."""

    formats: tuple[Literal["litert-float16", "litert-int8", "onnx"], ...] = Field(
        default=(), description="Further forms; each is compared with TensorFlow on real rows."
    )
    serve: Literal["litert", "litert-float16", "litert-int8", "onnx", "tensorflow"] = Field(
        default="litert", description="The form the consumers run."
    )
    maximum_changed: float = Field(
        default=0.0, ge=0, le=0.2, description="Share of answers that a form may change; beyond it, it is refused."
    )


class TrainingSpec(Strict):
    """How a model is built and proven."""

    network: NetworkSpec = Field(default=NetworkSpec(), description="The layers: [training.network](#trainingnetwork).")
    epochs: int = Field(default=100, ge=1, le=10_000, description="Most passes over the training rows.")
    patience: int = Field(default=20, ge=1, description="Epochs without improvement before stopping.")
    monitor: Literal["loss", "f1"] = Field(
        default="loss", description="What has to improve on the validation rows: the loss falls, or macro F1 rises."
    )
    batch_size: int = Field(default=32, ge=1, description="Rows of one step of the optimizer.")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Step size of the optimizer.")
    optimizer: OptimizerSpec = Field(
        default=OptimizerSpec(), description="The optimizer: [training.optimizer](#trainingoptimizer)."
    )
    loss: LossSpec = Field(default=LossSpec(), description="The loss: [training.loss](#trainingloss).")
    imbalance: ImbalanceSpec = Field(
        default=ImbalanceSpec(), description="Rare classes: [training.imbalance](#trainingimbalance)."
    )
    decision: DecisionSpec = Field(
        default=DecisionSpec(), description="Calibration and thresholds: [training.decision](#trainingdecision)."
    )
    missing: Literal["impute", "drop"] = Field(
        default="impute",
        description="Training rows with a missing value: filled in the graph, with an indicator, or left out.",
    )
    split: SplitSpec = Field(default=SplitSpec(), description="What is held out: [training.split](#trainingsplit).")
    holdout: float = Field(default=0.2, gt=0, lt=0.9, description="Share of the window held out.")
    refit: bool = Field(
        default=True,
        description="After the verdict, train once more on the whole window with the same settings, so that "
        "the newest rows are not wasted; the manifest says which rows the metrics were measured on.",
    )
    warm_start: bool = Field(
        default=False, description="Begin from the weights of the model in service, where the network is the same."
    )
    loop: Literal["compiled", "fit"] = Field(
        default="compiled",
        description="`compiled` runs an epoch as one graph over rows in memory; `fit` is Keras' own, fed by tf.data.",
    )
    tensorboard: str | None = Field(
        default=None, description="Folder for TensorBoard's curves, histograms and embeddings; `fit` only."
    )
    mixed_precision: Literal["auto", "off"] = Field(
        default="auto", description="`auto`: float16 arithmetic where there is a GPU; `fit` only."
    )
    strategy: Literal["none", "mirrored", "multi-worker"] = Field(
        default="none", description="TensorFlow's distribution strategy; `fit` only."
    )
    tuning: TuningSpec = Field(default=TuningSpec(), description="Search: [training.tuning](#trainingtuning).")
    export: ExportSpec = Field(default=ExportSpec(), description="Forms: [training.export](#trainingexport).")
    seed: int = Field(
        default=1,
        description="Of the initial weights, the dropout and the order of the rows: the same seed, the same model.",
    )
    timeout_seconds: int = Field(default=1_800, ge=10, description="A training longer than this is ended.")

    @field_validator("tensorboard", "strategy")
    @classmethod
    def _of_the_fit_loop(cls, value: str | None, info: ValidationInfo) -> str | None:
        # `loop` stands before both, and is known here unless it is itself wrong.
        if value not in (None, "none") and info.data.get("loop") == "compiled":
            raise ValueError("training.loop 'compiled' does not know it; allowed with it: training.loop 'fit'")
        return value


class RolloutSpec(Strict):
    """What a candidate must show before it answers records."""

    metric: Literal["accuracy", "balanced_accuracy", "macro_f1", "pr_auc"] = Field(
        default="accuracy", description="What a candidate must gain in."
    )
    minimum_gain: float = Field(
        default=0.0, ge=-1, le=1, description="Gain on the held-out rows over the model in service."
    )
    test: Literal["mcnemar", "bootstrap"] = Field(
        default="mcnemar",
        description="The paired test: exact McNemar on right answers, or a bootstrap of the gain in `metric`.",
    )
    significance: float = Field(default=0.1, gt=0, le=1, description="Largest p-value of the paired test.")
    maximum_class_loss: float | None = Field(
        default=None, ge=0, le=1, description="Recall that no class of 20 rows or more may lose."
    )
    maximum_calibration_error: float | None = Field(
        default=None, gt=0, le=1, description="Largest expected calibration error on the held-out rows."
    )
    maximum_latency_us: float | None = Field(
        default=None, gt=0, description="Longest median time in µs in which a record alone may be scored, as served."
    )
    gate: str | None = Field(
        default=None,
        description="Your own gate instead, MODULE:FUNCTION, on the trainer's Python path; see docs/evaluation.md.",
    )
    recall: bool = Field(
        default=True, description="Before training, promote an archived version that fits the window better."
    )
    keep_versions: int = Field(default=20, ge=2, description="Versions kept in the registry.")
