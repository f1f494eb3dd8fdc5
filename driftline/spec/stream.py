"""`StreamSpec`: the one file that describes a stream (`stream.yaml`)."""

import hashlib
import json
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from driftline.spec.alerts import AlertsSpec, NotifySpec
from driftline.spec.features import CategoricalFeature, Feature, NumericFeature, Strict, TextFeature
from driftline.spec.monitoring import MonitoringSpec
from driftline.spec.observability import ObservabilitySpec
from driftline.spec.rare import unfit
from driftline.spec.sections import KafkaSpec, ServingSpec
from driftline.spec.training import RolloutSpec, TrainingSpec
from driftline.topics import Topics

# Fields of features that the first versions did not know, with what they then did.
_LATER = {
    "transform": "none",
    "period": None,
    "clip": 0.0,
    "ngrams": 1,
    "width": 32,
    "pooling": "mean",
}

_LOSSES = {
    "binary": ("auto", "binary-crossentropy", "focal"),
    "multiclass": ("auto", "sparse-categorical-crossentropy", "categorical-crossentropy", "focal"),
    "multilabel": ("auto", "binary-crossentropy", "focal", "correlated"),
}


class StreamSpec(Strict):
    """A stream of records, the question asked of each one, and how the loop around it behaves.

    Columns of numeric features are always in the order of `numeric`, and so on: every matrix in driftline uses
    these orders and no other.
    """

    version: Literal[1] = Field(default=1, description="Version of this file's format.")
    stream: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name; topics are called NAME.features and so on."
    )
    task: Literal["binary", "multiclass", "multilabel"] = "multiclass"
    label: str = Field(default="label", description="Name of the label column in data files.")
    classes: tuple[str, ...] = Field(min_length=1, description="The classes, in the order of the model's outputs.")
    features: tuple[Feature, ...] = Field(min_length=1, max_length=10_000)
    registry: str = Field(
        default="models", description="Folder of the model registry: a path beside this file, or a URL."
    )
    kafka: KafkaSpec = KafkaSpec()
    serving: ServingSpec = ServingSpec()
    monitoring: MonitoringSpec = MonitoringSpec()
    training: TrainingSpec = TrainingSpec()
    rollout: RolloutSpec = RolloutSpec()
    alerts: AlertsSpec = AlertsSpec()
    notify: NotifySpec = NotifySpec()
    observability: ObservabilitySpec = ObservabilitySpec()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [feature.name for feature in self.features]
        if twice := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
            raise ValueError(f"features: each name once; {', '.join(twice)} stands more than once")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: each class once")
        if self.label in set(names):
            raise ValueError(f"label: {self.label!r} is also a feature; a model must not be given its own answer")
        if self.task == "binary" and len(self.classes) != 2:
            raise ValueError(f"classes: a binary task has two classes (negative, positive), not {len(self.classes)}")
        if self.task == "multiclass" and len(self.classes) < 2:
            raise ValueError("classes: a multiclass task has at least two classes")
        loss, allowed = self.training.loss.name, _LOSSES[self.task]
        if loss not in allowed:
            raise ValueError(f"training.loss.name: read {loss}; allowed for a {self.task} task: {', '.join(allowed)}")
        self._group_is_a_category()
        self._segments_are_categories()
        if wrong := unfit(self):
            raise ValueError(wrong)
        return self

    def _group_is_a_category(self) -> None:
        split, allowed = self.training.split, ", ".join(repr(f.name) for f in self.categorical[:12])
        choose = f"allowed: a categorical feature ({allowed})" if allowed else "this stream has no categorical feature"
        if split.method == "grouped" and split.group is None:
            raise ValueError(f"training.split.group: required where training.split.method is 'grouped'; {choose}")
        if split.group is not None and split.group not in {f.name for f in self.categorical}:
            raise ValueError(f"training.split.group: read {split.group!r}; {choose}")
        if split.group is not None and split.method != "grouped":
            raise ValueError(
                f"training.split.group: read {split.group!r}, which training.split.method '{split.method}' would not "
                "use; allowed with it: method 'grouped'"
            )

    def _segments_are_categories(self) -> None:
        allowed = [f.name for f in self.categorical] + ["device_id"]
        for i, name in enumerate(self.monitoring.segments):
            if name not in allowed:
                shown = ", ".join(repr(one) for one in [*allowed[:12], *allowed[12:][-1:]])
                raise ValueError(
                    f"monitoring.segments[{i}]: read {name!r}; allowed: a categorical feature or 'device_id' ({shown})"
                )
            if name in self.monitoring.segments[:i]:
                raise ValueError(f"monitoring.segments[{i}]: {name!r} stands there already; each once")

    @cached_property
    def numeric(self) -> tuple[NumericFeature, ...]:
        """Numeric features, in column order of the numeric matrix."""
        return tuple(f for f in self.features if isinstance(f, NumericFeature))

    @cached_property
    def categorical(self) -> tuple[CategoricalFeature, ...]:
        """Categorical features, in column order of the categorical matrix."""
        return tuple(f for f in self.features if isinstance(f, CategoricalFeature))

    @cached_property
    def text(self) -> tuple[TextFeature, ...]:
        """Text features, in column order of the text matrix."""
        return tuple(f for f in self.features if isinstance(f, TextFeature))

    @cached_property
    def topics(self) -> Topics:
        """The names of this stream's topics."""
        return Topics(self.stream)

    @cached_property
    def model_hash(self) -> str:
        """Fingerprint of what a model depends on: the task, its classes and its features (16 hex digits).

        A model whose hash differs from the stream's cannot answer its records and is refused at load.
        """
        shape = {
            "task": self.task,
            "classes": self.classes,
            # What stands at a later field's default is left out: versions made before there was the field still fit.
            "features": [
                {k: v for k, v in f.model_dump(mode="json").items() if k not in _LATER or v != _LATER[k]}
                for f in self.features
            ],
        }
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]
