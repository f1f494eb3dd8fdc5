"""Everything that is found in a file, in one go."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.column_kinds import looks_like_device, looks_like_time
from driftline.errors import UsageError
from driftline.explore.columns import Column, read_columns
from driftline.explore.correlation import Correlation, correlations
from driftline.explore.drift import Drift, drift_of
from driftline.explore.leaks import Alone, Suspect, suspects, tell_alone
from driftline.explore.truth import Truth, answers_of, truth_of
from driftline.inference import device_column, time_column
from driftline.spec.stream import StreamSpec

SAMPLE = 20_000
"""Rows on which columns are compared with one another and with the label; types, gaps, drift are of all rows."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a file holds.

    Attributes
    ----------
    source : the file's name.
    truth : the labels; None where no column is one, and `no_label` says why.
    notes : on the label.
    sample : rows that columns were compared on.
    repeated : rows that are, feature by feature and in their label, a copy of an earlier row.
    contradicting : rows whose features stand elsewhere with another label.
    """

    source: str
    rows: int
    columns: tuple[Column, ...]
    device: str | None
    time: str | None
    truth: Truth | None
    no_label: str
    notes: tuple[str, ...]
    alone: tuple[Alone, ...]
    suspects: tuple[Suspect, ...]
    correlation: Correlation | None
    drift: Drift | None
    sample: int
    repeated: int
    contradicting: int

    @property
    def features(self) -> tuple[Column, ...]:
        """Columns that are features."""
        return tuple(column for column in self.columns if column.kind != "left-out")


def explore(
    frame: pd.DataFrame,
    *,
    source: str = "data",
    spec: StreamSpec | None = None,
    label: str | None = None,
    multilabel: tuple[str, ...] = (),
) -> Exploration:
    """Look into `frame`, whose rows are in stream order.

    Parameters
    ----------
    spec : says types and label; by default they are guessed as `driftline init` does.
    label, multilabel : the label column, or the 0/1 columns that are classes; they count more than the specification.

    Raises
    ------
    UsageError : a label that was asked for is no column, or cannot be a label.
    """
    names = [str(name) for name in frame.columns]
    notes: list[str] = []
    truth, no_label = None, ""
    try:
        answers = answers_of(frame, spec, label, multilabel, notes)
        truth = truth_of(answers)
    except UsageError as error:
        if label is not None or multilabel or spec is not None:
            raise
        notes, no_label = [], str(error)
    taken = set(truth.answers.columns) if truth else set()
    columns = read_columns(frame, taken, spec)
    device, time = (None, None) if spec else _beside(frame, names, taken)
    columns = tuple(_as_beside(column, device, time) for column in columns)
    rows = len(frame)
    some = _sample(rows)
    alone = tell_alone(columns, truth, some) if truth is not None else ()
    features = [column for column in columns if column.kind != "left-out"]
    found = suspects(frame, columns, truth, alone, time)
    moving = {suspect.name for suspect in found if suspect.kind == "row number"}
    repeated, contradicting = _copies(frame, features, truth)
    return Exploration(
        source=source,
        rows=rows,
        columns=columns,
        device=device,
        time=time,
        truth=truth,
        no_label=no_label,
        notes=tuple(notes),
        alone=alone,
        suspects=found,
        correlation=correlations(features, some),
        drift=drift_of([column for column in features if column.name not in moving], rows, truth),
        sample=len(some),
        repeated=repeated,
        contradicting=contradicting,
    )


def _beside(frame: pd.DataFrame, names: list[str], taken: set[str]) -> tuple[str | None, str | None]:
    """The columns that name the device and the time, which are no features."""
    device = device_column(names, taken)
    if device and not looks_like_device(frame[device]):
        device = None
    time = time_column(names, taken | {device or ""})
    if time and not looks_like_time(frame[time]):
        time = None
    return device, time


def _as_beside(column: Column, device: str | None, time: str | None) -> Column:
    if column.name not in (device, time):
        return column
    said = "names the device: the Kafka key" if column.name == device else "is the time of the measurement"
    return replace(column, kind="left-out", notes=(f"{said}, not a feature",), outliers=None)


def _sample(rows: int) -> NDArray[np.intp]:
    if rows <= SAMPLE:
        return np.arange(rows, dtype=np.intp)
    return np.sort(np.random.default_rng(1).choice(rows, SAMPLE, replace=False)).astype(np.intp)


def _copies(frame: pd.DataFrame, features: list[Column], truth: Truth | None) -> tuple[int, int]:
    """Repeated rows, and rows that contradict another; identifiers and times are not looked at."""
    if not features:
        return 0, 0
    seen = frame[[column.name for column in features]]
    try:
        keys = pd.util.hash_pandas_object(seen, index=False)
    except TypeError:  # a cell of a Parquet file may be a list, which has no hash
        keys = pd.util.hash_pandas_object(seen.astype(str), index=False)
    if truth is None:
        return int(keys.duplicated().sum()), 0
    both = pd.DataFrame({"features": keys.to_numpy(), "label": truth.answers.codes.to_numpy()})
    labelled = both[truth.known]
    different = labelled.groupby("features")["label"].transform("nunique") > 1
    return int(both.duplicated().sum()), int(different.sum())
