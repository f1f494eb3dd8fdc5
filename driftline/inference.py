"""From a data file to a stream's specification: the reasoning behind `driftline init`.

Every decision is a note for the person who asked, so that a wrong guess is seen and corrected, not discovered.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from driftline.cells import require_columns
from driftline.column_kinds import Verdict, judge_column, looks_like_device, looks_like_time
from driftline.errors import UsageError
from driftline.label_column import column_named, leakage, natural_order, several_labels, single_label
from driftline.spec.explain import explain
from driftline.spec.features import CategoricalFeature, Feature, NumericFeature, TextFeature
from driftline.spec.stream import StreamSpec

DEVICE_NAMES = (
    "device_id", "device", "deviceid", "sensor_id", "sensor", "sensorid", "machine_id", "machine", "machineid",
    "unit_id", "unit", "asset_id", "asset", "equipment_id", "station_id", "station", "node_id",
)  # fmt: skip
TIME_NAMES = (
    "timestamp", "time", "event_time", "eventtime", "datetime", "date_time", "date", "ts", "created_at", "measured_at",
    "time_stamp", "epoch", "epoch_ms",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was read out of a data file.

    Attributes
    ----------
    spec : the specification, with default policies.
    notes : one sentence a decision worth a person's look.
    device_column, time_column : columns that are no features but say who measured, and when; None where not found.
    """

    spec: StreamSpec
    notes: tuple[str, ...]
    device_column: str | None
    time_column: str | None


def infer_spec(
    frame: pd.DataFrame,
    stream: str,
    *,
    label: str | None = None,
    multilabel: Sequence[str] = (),
    exclude: Collection[str] = (),
) -> Inferred:
    """Infer the specification of the stream that `frame` is a piece of.

    Parameters
    ----------
    frame : the data, as `driftline.tables.read_table` gives it (typed columns are understood too).
    stream : the stream's name; see `stream_name`.
    label : the label column; by default one of `label_column.LABEL_NAMES`, else the last column.
    multilabel : columns of 0/1 that are the classes of a multilabel task; or a single column whose cells hold class
        names separated by ';'.
    exclude : columns to leave out.

    Raises
    ------
    UsageError : a named column is not there, the label is no class (a measurement, one value only), or no feature
        is left.
    """
    if label is not None and multilabel:
        raise UsageError("label and multilabel were both given; a task has one or the other")
    names = [str(name) for name in frame.columns]
    require_columns([*([label] if label else []), *multilabel, *exclude], frame)
    notes: list[str] = []
    answers = several_labels(frame, multilabel, notes) if multilabel else single_label(frame, label, exclude, notes)
    taken = {*answers.columns, *exclude}
    device = device_column(names, taken)
    if device and not looks_like_device(frame[device]):
        device = None
    time = time_column(names, taken | {device or ""})
    if time and not looks_like_time(frame[time]):
        time = None
    if device:
        notes.append(f'column "{device}" names the device: the Kafka key, not a feature')
    if time:
        notes.append(f'column "{time}" is the time of the measurement: not a feature')
    for name in names:
        if name in exclude:
            notes.append(f'column "{name}" left out: as asked')
    features: list[Feature] = []
    for name in names:
        if name in taken or name in (device, time):
            continue
        verdict = judge_column(name, frame[name])
        notes += [f'column "{name}" {note}' for note in verdict.notes]
        if feature := _feature(name, verdict):
            features.append(feature)
            if leak := leakage(frame[name], answers):
                notes.append(f'leakage? column "{name}" {leak}; leave it out unless it is known before the label is')
    if not features:
        raise UsageError("no column is left to be a feature:\n" + "\n".join(f"  {note}" for note in notes))
    try:
        spec = StreamSpec(
            stream=stream, task=answers.task, label=answers.label, classes=answers.classes, features=tuple(features)
        )
    except ValidationError as error:
        raise UsageError("\n".join(explain(error, {}))) from None
    return Inferred(spec, tuple(notes), device, time)


def stream_name(path: str | Path) -> str:
    """A stream's name from a file's.

    >>> stream_name("data/My Pumps (2024).csv.gz")
    'my-pumps-2024'
    """
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|pq|gz|bz2|xz|zst))+$", "", Path(path).name, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9_]+", "-", stem.lower()).strip("-_")[:63] or "stream"


def device_column(names: Sequence[str], taken: Collection[str] = ()) -> str | None:
    """The column that says which device measured, by its name; None if there is none."""
    return column_named(names, DEVICE_NAMES, taken)


def time_column(names: Sequence[str], taken: Collection[str] = ()) -> str | None:
    """The column that says when it was measured, by its name; None if there is none."""
    return column_named(names, TIME_NAMES, taken)


def _feature(name: str, verdict: Verdict) -> Feature | None:
    if verdict.kind == "numeric":
        return NumericFeature(name=name)
    if verdict.kind == "categorical":
        categories = tuple(sorted(verdict.categories, key=natural_order))
        return CategoricalFeature(name=name, categories=categories, unknown=verdict.unknown)
    if verdict.kind == "text":
        return TextFeature(name=name, sequence_length=verdict.sequence_length)
    return None
