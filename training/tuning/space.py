"""What a search may change: fields of `training`, each between two numbers or among choices.

A value is never trusted because the space names it: every bound and every choice goes through the specification's own
validation before the first trial.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from driftline.errors import UsageError
from driftline.spec.explain import explain, nearest, short
from driftline.spec.stream import StreamSpec
from driftline.spec.training import Range, TrainingSpec

# What decides how a setting is measured, or has nothing to do with how good a model is. The best seed is luck.
NOT_SEARCHED = (
    "decision", "export", "holdout", "loop", "missing", "mixed_precision", "monitor", "refit", "seed", "split",
    "strategy", "tensorboard", "timeout_seconds", "tuning", "warm_start",
)  # fmt: skip

DEFAULT_SPACE = (
    Range(field="network.hidden", choices=([64], [256], [128, 64], [256, 128], [512, 256])),
    Range(field="network.dropout", low=0.0, high=0.7),
    Range(field="network.l2", choices=(0.0, 1e-5, 1e-4, 1e-3)),
    Range(field="learning_rate", low=1e-4, high=1e-2, log=True),
    Range(field="batch_size", choices=(16, 32, 64, 128)),
)
"""Searched where the specification names no space: what moves the loss most on tables of hundreds to thousands of
rows (Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021, appendix on tuning spaces)."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One searched field.

    Attributes
    ----------
    path : below `training`, such as 'network.dropout'.
    choices : as JSON, since a study's file holds numbers and strings only; empty between `low` and `high`.
    current : the value in the specification.
    """

    path: str
    choices: tuple[str, ...]
    low: float
    high: float
    log: bool
    whole: bool
    current: Any

    def suggest(self, trial: Any) -> Any:
        """The value that an Optuna trial draws; numbers rounded to what a person would write (4 digits)."""
        if self.choices:
            return json.loads(trial.suggest_categorical(self.path, self.choices))
        if self.whole:
            return trial.suggest_int(self.path, int(self.low), int(self.high), log=self.log)
        drawn = float(f"{trial.suggest_float(self.path, self.low, self.high, log=self.log):.4g}")
        return min(max(drawn, self.low), self.high)

    def current_parameter(self) -> Any:
        """The current value as a trial's parameter; None if it lies outside the space."""
        if self.choices:
            return json.dumps(self.current)
        return self.current if self.low <= self.current <= self.high else None


def read_space(spec: StreamSpec) -> tuple[Dimension, ...]:
    """The dimensions of `training.tuning.space`, or of `DEFAULT_SPACE`.

    The current value is always among the choices, so that the search starts from it.

    Raises
    ------
    UsageError : a field that there is not or that is not searched, one named twice, or a value it may not have.
    """
    own = spec.training.tuning.space
    dimensions: list[Dimension] = []
    for i, wanted in enumerate(own or DEFAULT_SPACE):
        place = f"training.tuning.space[{i}]" if own else "the default space"
        if wanted.field in [dimension.path for dimension in dimensions]:
            raise UsageError(f"{place}.field: read {wanted.field!r}; each field once")
        dimensions.append(_dimension(spec, wanted, place))
    return tuple(dimensions)


def with_settings(spec: StreamSpec, settings: Mapping[str, Any]) -> StreamSpec:
    """The specification with other values at paths below `training`.

    Raises
    ------
    ValidationError : a value may not stand there.
    """
    training = spec.training.model_dump(mode="json")
    for path, value in settings.items():
        *sections, name = path.split(".")
        place = training
        for section in sections:
            place = place[section]
        place[name] = value
    fields = {name: getattr(spec, name) for name in type(spec).model_fields}
    return StreamSpec.model_validate(fields | {"training": training})


def current_settings(spec: StreamSpec, dimensions: tuple[Dimension, ...]) -> dict[str, Any]:
    """What the specification says now of everything that is searched."""
    return {dimension.path: dimension.current for dimension in dimensions}


def _dimension(spec: StreamSpec, wanted: Range, place: str) -> Dimension:
    annotation, current = _field(spec, wanted.field, place)
    if wanted.choices is not None:
        if not wanted.choices:
            raise UsageError(f"{place} ({wanted.field}): choices: none given")
        for value in wanted.choices:
            _check(spec, wanted.field, value, place)
        choices = list(dict.fromkeys(json.dumps(value) for value in wanted.choices))
        if json.dumps(current) not in choices:
            choices.append(json.dumps(current))
        return Dimension(wanted.field, tuple(choices), 0.0, 0.0, False, False, current)
    if annotation not in (int, float):
        raise UsageError(f"{place} ({wanted.field}): low and high are for numbers; give its choices")
    assert wanted.low is not None and wanted.high is not None, "Range has one or the other"
    for value in (wanted.low, wanted.high):
        _check(spec, wanted.field, value, place)
    return Dimension(wanted.field, (), wanted.low, wanted.high, wanted.log, annotation is int, current)


def _field(spec: StreamSpec, path: str, place: str) -> tuple[Any, Any]:
    """Type and current value of a field below `training`."""
    if path.split(".")[0] in NOT_SEARCHED:
        raise UsageError(f"{place}.field: read {path!r}; it decides how settings are measured, and is not searched")
    section: type[BaseModel] = TrainingSpec
    value: Any = spec.training.model_dump(mode="json")
    names = path.split(".")
    for depth, name in enumerate(names):
        if name not in section.model_fields:
            allowed = sorted(section.model_fields)
            under = ".".join(["training", *names[:depth]])
            raise UsageError(f"{place}.field: read {path!r}; {under} has no field {name!r}{nearest(name, allowed)}")
        annotation, value = section.model_fields[name].annotation, value[name]
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            section = annotation
            if depth == len(names) - 1:
                raise UsageError(
                    f"{place}.field: read {path!r}; a section: name one of {', '.join(allowed_in(section))}"
                )
        elif depth < len(names) - 1:
            raise UsageError(f"{place}.field: read {path!r}; {'.'.join(names[: depth + 1])} has no fields of its own")
    return annotation, value


def allowed_in(section: type[BaseModel]) -> list[str]:
    """Names of a section's fields."""
    return sorted(section.model_fields)


def _check(spec: StreamSpec, path: str, value: Any, place: str) -> None:
    try:
        with_settings(spec, {path: value})
    except ValidationError as error:
        raise UsageError(f"{place} ({path}): read {short(value)}: {'; '.join(explain(error, {}))}") from None
