"""What a fleet is and what is to happen to it, as a person writes it in YAML."""

from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from driftline.errors import UsageError
from driftline.spec.features import Strict
from driftline.spec.stream import StreamSpec
from producers.delay import LabelDelay
from producers.schedule import Delivery, parse_rate

_DEFAULT_MAGNITUDE = {"data": 2.0, "concept": 1.0, "prior": 1.0}


class DriftPlan(Strict):
    """One scheduled change of the world."""

    at: int = Field(ge=0, description="Row from which the world changes.")
    kind: Literal["abrupt", "gradual", "incremental", "recurring"] = "abrupt"
    target: Literal["data", "concept", "prior"] = Field(
        default="concept",
        description="data: P(x), with P(y|x) as it was; concept: P(y|x), with P(x) as it was; prior: P(y), with P(x|y) "
        "as it was.",
    )
    width: int = Field(default=1_000, ge=1, description="Rows that a gradual or incremental change takes.")
    period: int = Field(default=1_000, ge=1, description="Rows of each turn of a recurring change.")
    magnitude: float | None = Field(
        default=None,
        gt=0,
        description="data: shift in standard deviations (default 2); concept: share of the world's regions that change "
        "their answer (default 1); prior: share of the way to the new class mix (default 1).",
    )
    features: tuple[str, ...] = Field(default=(), description="data: the numeric features that shift; default all.")

    @property
    def size(self) -> float:
        """The magnitude, or its target's default."""
        return _DEFAULT_MAGNITUDE[self.target] if self.magnitude is None else self.magnitude

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.target != "data" and self.size > 1:
            raise ValueError(f"magnitude: read {self.size:g}; for target {self.target} a share, at most 1")
        if self.target != "data" and self.features:
            raise ValueError(f"features: only a drift of target data is one of features, not of {self.target}")
        return self


class FaultPlan(Strict):
    """One scheduled fault of a sensor."""

    at: int = Field(ge=0, description="First row at which the sensor is at fault.")
    until: int | None = Field(default=None, description="Row from which it is well again; never, by default.")
    device: str | None = Field(default=None, description="'device-3'; every device by default.")
    kind: Literal["stuck", "spikes", "missing"]
    features: tuple[str, ...] = Field(default=(), description="What it measures; default all (spikes: all numeric).")
    share: float | None = Field(
        default=None, gt=0, le=1, description="Share of the values hit: spikes 0.1, missing 1 by default."
    )
    magnitude: float = Field(default=8.0, gt=0, description="Height of a spike in standard deviations.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.until is not None and self.until <= self.at:
            raise ValueError(f"until: read {self.until}; allowed: more than at, which is {self.at}")
        return self


class FleetPlan(Strict):
    """A fleet, its pace, its drifts and its faults. The same plan gives the same stream, byte for byte."""

    devices: int = Field(default=8, ge=1, le=1_000_000, description="They report in turn.")
    records: int | None = Field(default=None, ge=1, description="Rows in all; without end by default.")
    seed: int = Field(default=1, ge=0)
    separation: float = Field(
        default=4.0, gt=0, description="Distance of the regions in standard deviations; smaller is harder to classify."
    )
    device_spread: float = Field(
        default=0.1, ge=0, description="Standard deviation of the devices' own offsets, in those of each feature."
    )
    rate: float | str = Field(default=1_000.0, description="Records a second, or 'max'.")
    label_delay: int | str = Field(default="100 records", description="200 (records), '200 records', '5s'.")
    jitter: float = Field(default=0.0, ge=0, le=1)
    missing_labels: float = Field(default=0.0, ge=0, le=1)
    prefix: str | None = Field(default=None, description="Record ids are prefix and row; default STREAM-fleetSEED-.")
    drift: tuple[DriftPlan, ...] = ()
    faults: tuple[FaultPlan, ...] = ()

    def delivery(self) -> Delivery:
        """How its records are delivered. Raises UsageError."""
        return Delivery(
            rate=parse_rate(str(self.rate)),
            label_delay=LabelDelay.parse(str(self.label_delay)),
            jitter=self.jitter,
            missing_labels=self.missing_labels,
            seed=self.seed,
        )

    def check(self, spec: StreamSpec) -> None:
        """Raise UsageError where the plan names what the stream, or the fleet, has not."""
        numeric = [feature.name for feature in spec.numeric]
        every = [feature.name for feature in spec.features]
        for i, drift in enumerate(self.drift):
            if drift.target == "data":
                if not numeric:
                    raise UsageError(f"drift[{i}].target: data moves numeric features, and {spec.stream} has none")
                _allowed(f"drift[{i}].features", drift.features, numeric, "a numeric feature")
        for i, fault in enumerate(self.faults):
            spikes = fault.kind == "spikes"
            where, what = (numeric, "a numeric feature") if spikes else (every, "a feature")
            _allowed(f"faults[{i}].features", fault.features, where, what)
            names = {f"device-{number}" for number in range(self.devices)} if fault.device else set()
            if fault.device and fault.device not in names:
                raise UsageError(
                    f"faults[{i}].device: read {fault.device!r}; allowed: device-0 to device-{self.devices - 1}"
                )


def parse_fleet(document: str | dict[str, Any]) -> FleetPlan:
    """Read a fleet's plan from YAML text, or from what YAML made of it.

    >>> parse_fleet("drift: [{at: 5000, kind: gradual, target: data, width: 500}]").drift[0].size
    2.0

    Raises
    ------
    UsageError : with one line a problem: the field's path, what was read, what is allowed.
    """
    if isinstance(document, str):
        try:
            document = yaml.safe_load(document) or {}
        except yaml.YAMLError as error:
            raise UsageError(f"fleet: not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise UsageError(f"fleet: expected a mapping of fields, read {document!r:.60}")
    try:
        plan = FleetPlan.model_validate(document)
        plan.delivery()
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False):
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]).lstrip(".")
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] == "value_error":
                lines.append(f"{path}.{message}" if path else message)
            elif item["type"] == "missing":
                lines.append(f"{path}: required, and not there")
            elif item["type"] == "extra_forbidden":
                lines.append(f"{path}: no such field")
            else:
                lines.append(f"{path}: read {item['input']!r:.60}; {message[:1].lower()}{message[1:]}")
        raise UsageError("fleet:\n" + "\n".join(f"  {line}" for line in lines)) from None
    return plan


def _allowed(path: str, names: tuple[str, ...], allowed: list[str], what: str) -> None:
    for name in names:
        if name not in allowed:
            shown = ", ".join(allowed[:8]) + (" …" if len(allowed) > 8 else "")
            raise UsageError(f"{path}: read {name!r}, which is not {what} of the stream; allowed: {shown}")
