"""Replay of a data file: its rows as feature records, in file order, each as it stands in the file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from driftline.cells import category_cells, has_labels, labels_from_frame, wire_rows
from driftline.errors import UsageError
from driftline.inference import device_column
from driftline.spec.stream import StreamSpec
from producers.rows import Rows
from producers.schedule import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan(Delivery):
    """Which rows of a file are replayed, and how.

    Attributes
    ----------
    devices : simulated devices, among which rows are dealt in turn where the file does not say who measured.
    start_row, stop_row : rows [start, stop) of the file, counted from 0; None is to its end.
    loop : begin again at `start_row` after the last row, without end.
    prefix : record ids are prefix and row number; None is the stream's name and a hyphen.
    device_column : column that says who measured; None looks for one by its name.
    """

    devices: int = 8
    start_row: int = 0
    stop_row: int | None = None
    loop: bool = False
    prefix: str | None = None
    device_column: str | None = None

    def __post_init__(self) -> None:
        Delivery.__post_init__(self)
        if self.devices < 1:
            raise UsageError(f"devices: read {self.devices}; allowed: 1 or more")
        if self.start_row < 0:
            raise UsageError(f"start_row: read {self.start_row}; allowed: 0 or more")
        if self.stop_row is not None and self.stop_row <= self.start_row:
            raise UsageError(f"stop_row: read {self.stop_row}; allowed: more than start_row, which is {self.start_row}")


def replay_rows(spec: StreamSpec, frames: Callable[[], Iterator[pd.DataFrame]], plan: ReplayPlan) -> Iterator[Rows]:
    """The records of a replay.

    Parameters
    ----------
    frames : opens the file anew and yields it in frames whose index is the row number (`driftline.tables.iter_table`).

    Yields
    ------
    One `Rows` a frame. `record_id` is the prefix and the row number, followed by '@PASS' from the second pass of a
    loop on, so that an id never comes twice and any report leads back to the row.

    Raises
    ------
    UsageError : a feature is no column of the file, or `start_row` lies behind its end.
    """
    prefix = f"{spec.stream}-" if plan.prefix is None else plan.prefix
    lap = 0
    while True:
        suffix = f"@{lap}" if lap else ""
        found = False
        for frame in frames():
            stop = plan.stop_row
            if stop is not None and frame.index[0] >= stop:
                break
            part = frame.loc[plan.start_row : None if stop is None else stop - 1]
            if len(part):
                found = True
                yield _rows(spec, part, plan, prefix, suffix)
        if not found:
            raise UsageError(f"start_row: read {plan.start_row}; the data has no row of this number")
        if not plan.loop:
            return
        lap += 1


def row_of(record_id: str, prefix: str) -> int:
    """The row number in a replayed record's id.

    >>> row_of("pumps-17@2", "pumps-")
    17
    """
    return int(record_id.removeprefix(prefix).partition("@")[0])


def _rows(spec: StreamSpec, frame: pd.DataFrame, plan: ReplayPlan, prefix: str, suffix: str) -> Rows:
    taken = {spec.label, *(feature.name for feature in spec.features)}
    column = plan.device_column or device_column([str(name) for name in frame.columns], taken)
    if column is not None and column not in frame.columns:
        raise UsageError(f"device_column: the data has no column {column!r}")
    if column is None:
        devices = [f"device-{row % plan.devices}" for row in frame.index]
    else:
        devices = [device or "unknown" for device in category_cells(frame[column])]
    return Rows(
        record_ids=[f"{prefix}{row}{suffix}" for row in frame.index],
        device_ids=devices,
        values=wire_rows(spec, frame),
        labels=labels_from_frame(spec, frame) if has_labels(spec, frame) else [None] * len(frame),
    )
