"""What a cell of a data file means: the one rule that training, from a frame, and replay, onto the wire, both follow.

A CSV has only text, a Parquet file has types, and pandas guesses. So a cell is read by what the *specification* says
its column is, never by what the file or a library took it for, and the same file gives the same values whether it is
read whole, in chunks, or by somebody's own `pandas.read_csv`.
"""

import difflib
import math
import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.records.data import Value
from driftline.spec.stream import StreamSpec

Answer = str | list[str]

# What stands for "nothing" in a column of numbers, beside an empty cell: R, pandas, SQL and ARFF each have their own.
# In a column of strings these are strings: Namibia is NA, and a fault may be called 'none'.
NO_NUMBER = frozenset({"", "?", "na", "n/a", "#n/a", "nan", "-nan", "+nan", "null", "none", "<na>", "nil"})
_WHOLE = re.compile(r"-?\d+\.0+")
_YES = frozenset({"1", "true", "yes", "y", "t"})
_NO = frozenset({"0", "false", "no", "n", "f"})


@dataclass(frozen=True, slots=True)
class NumericCells:
    """A column of n numbers.

    Attributes
    ----------
    values : float64 [n]; NaN where the cell is missing or no number.
    unreadable : row → the cell as it stands, where it is neither a number nor missing (infinities are here too:
        JSON has none).
    """

    values: NDArray[np.float64]
    unreadable: dict[int, str]


def numeric_cells(cells: "pd.Series[Any]") -> NumericCells:
    """Read a column as numbers; text is read as Python reads it, exactly rounded (pandas' own parser is not)."""
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_complex_dtype(cells.dtype):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.flatnonzero(np.isinf(values))
        if not len(infinite):
            return NumericCells(values, {})
        unreadable = {int(row): str(values[row]) for row in infinite}
        return NumericCells(np.where(np.isinf(values), np.nan, values), unreadable)
    read = [_number(cell) for cell in cells.astype(object)]
    unreadable = {row: cell for row, cell in enumerate(read) if isinstance(cell, str)}
    return NumericCells(np.array([np.nan if isinstance(cell, str) else cell for cell in read], np.float64), unreadable)


def _number(cell: Any) -> float | str:
    if isinstance(cell, str):
        try:
            value = float(cell)
        except ValueError:
            return math.nan if cell.strip().lower() in NO_NUMBER else cell
        # Python's own extra spellings ('1_000', 'infinity') are not numbers in a data file.
        return cell if math.isinf(value) or "_" in cell else value
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return math.nan
    if isinstance(cell, (numbers.Real, np.bool_)) or hasattr(cell, "__float__"):
        value = float(cell)
        return str(cell) if math.isinf(value) else value
    return str(cell)


def category_text(cell: Any) -> str | None:
    """A category or class as the string it is known by: its JSON text; None if it is missing.

    So 1, 1.0, '1' and '1.0' are the one category '1', and True, 'True' and 'TRUE' are 'true', whether the file had
    types or pandas made a column of integers float because one cell was empty.

    >>> [category_text(c) for c in (1.0, "1.0", True, "FALSE", " on ", "1.50", float("nan"))]
    ['1', '1', 'true', 'false', 'on', '1.50', None]
    """
    if isinstance(cell, str):
        text = cell.strip()
        if _WHOLE.fullmatch(text):
            return text.partition(".")[0]
        if text in ("True", "TRUE", "False", "FALSE"):
            return text.lower()
        return text or None
    if cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if isinstance(cell, (float, np.floating)) and math.isfinite(cell):
        return str(int(cell)) if float(cell).is_integer() else repr(float(cell))
    return str(cell) or None


def category_cells(cells: "pd.Series[Any]") -> list[str | None]:
    """Read a column as categories; see `category_text`."""
    known: dict[Any, str | None] = {}
    out: list[str | None] = []
    for cell in cells.astype(object):
        if isinstance(cell, float) and math.isnan(cell):  # NaN equals no key, not even itself
            out.append(None)
            continue
        # 1 and True are equal keys and different categories, hence the type.
        key = (type(cell), cell)
        if key not in known:
            known[key] = category_text(cell)
        out.append(known[key])
    return out


def text_cells(cells: "pd.Series[Any]") -> list[str | None]:
    """Read a column as texts, as they stand; an empty or missing cell is None."""
    return [(cell or None) if isinstance(cell, str) else category_text(cell) for cell in cells.astype(object)]


def columns_from_frame(spec: StreamSpec, frame: pd.DataFrame) -> Columns:
    """The features of `frame` as the model takes them.

    A row that the consumer would refuse (`refused_rows`) is in the result too, with NaN where the number cannot be
    read; drop it if the model must see exactly what serving sees.

    Raises
    ------
    UsageError : a feature of the specification is no column of the frame.
    """
    require_columns([feature.name for feature in spec.features], frame)
    n = len(frame)
    numeric = np.empty((n, len(spec.numeric)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for j, feature in enumerate(spec.numeric):
            numeric[:, j] = numeric_cells(frame[feature.name]).values
    numeric[np.isinf(numeric)] = np.nan
    categorical = np.empty((n, len(spec.categorical)), dtype=object)
    for j, category in enumerate(spec.categorical):
        categorical[:, j] = category_cells(frame[category.name])
    text = np.empty((n, len(spec.text)), dtype=object)
    for j, words in enumerate(spec.text):
        text[:, j] = text_cells(frame[words.name])
    return Columns(numeric, categorical, text)


def wire_rows(spec: StreamSpec, frame: pd.DataFrame) -> list[tuple[Value, ...]]:
    """The features of each row as JSON values in the specification's order.

    A missing cell is None. A cell that is no number in a numeric column stays the string it is: the consumer is
    there to refuse it with the reason.

    Raises
    ------
    UsageError : a feature of the specification is no column of the frame.
    """
    require_columns([feature.name for feature in spec.features], frame)
    columns: list[Sequence[Value]] = []
    for feature in spec.features:
        cells = frame[feature.name]
        if feature.type == "numeric":
            read = numeric_cells(cells)
            values: list[Value] = [None if math.isnan(value) else value for value in read.values.tolist()]
            for row, cell in read.unreadable.items():
                values[row] = cell
            columns.append(values)
        else:
            columns.append(category_cells(cells) if feature.type == "categorical" else text_cells(cells))
    return list(zip(*columns, strict=True))


def refused_rows(spec: StreamSpec, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """True [n] for each row whose features the consumer would refuse as a dead letter."""
    require_columns([feature.name for feature in spec.features], frame)
    refused = np.zeros(len(frame), dtype=bool)
    for feature in spec.features:
        cells = frame[feature.name]
        if feature.type == "numeric":
            read = numeric_cells(cells)
            refused[list(read.unreadable)] = True
            with np.errstate(over="ignore"):
                refused |= np.isinf(read.values.astype(np.float32))
            missing = np.isnan(read.values)
        else:
            strings = category_cells(cells) if feature.type == "categorical" else text_cells(cells)
            missing = np.array([value is None for value in strings], dtype=bool)
            if feature.type == "categorical" and feature.unknown == "dead-letter":
                known = {*feature.categories, None}
                refused |= np.array([value not in known for value in strings], dtype=bool)
        if feature.required:
            refused |= missing
    return refused


def has_labels(spec: StreamSpec, frame: pd.DataFrame) -> bool:
    """Whether `labels_from_frame` finds a label column."""
    return spec.label in frame.columns or (
        spec.task == "multilabel" and all(name in frame.columns for name in spec.classes)
    )


def labels_from_frame(spec: StreamSpec, frame: pd.DataFrame) -> list[Answer | None]:
    """The label of each row: a class name (see `category_text`), for multilabel the list of those that hold.

    None is a label that is not known. Multilabel labels stand in columns named as the classes, of 0/1, true/false or
    yes/no (not known if any of them is empty), or else in the label column as names separated by ';', where an empty
    cell means that none holds and '?' that it is not known.

    Raises
    ------
    UsageError : no label column, or a multilabel cell that is neither yes nor no.
    """
    if spec.task != "multilabel":
        require_columns([spec.label], frame)
        return list(category_cells(frame[spec.label]))
    if all(name in frame.columns for name in spec.classes):
        marks = [_marks(frame[name], name) for name in spec.classes]
        return [
            None if None in row else [name for name, holds in zip(spec.classes, row, strict=True) if holds]
            for row in zip(*marks, strict=True)
        ]
    require_columns([spec.label], frame)
    return [None if cell == "?" else split_classes(cell) for cell in category_cells(frame[spec.label])]


def split_classes(cell: str | None) -> list[str]:
    """The class names in a multilabel cell.

    >>> split_classes("wear; heat")
    ['wear', 'heat']
    """
    return [] if cell is None else [name.strip() for name in cell.split(";") if name.strip()]


def _marks(cells: "pd.Series[Any]", name: str) -> list[bool | None]:
    out: list[bool | None] = []
    for row, cell in enumerate(category_cells(cells)):
        word = None if cell is None else cell.lower()
        if word is not None and word not in _YES | _NO:
            raise UsageError(f"column {name!r}, row {row}: read {cell!r}; allowed: 0/1, true/false, yes/no or empty")
        out.append(None if word is None else word in _YES)
    return out


def require_columns(names: Sequence[str], frame: pd.DataFrame) -> None:
    """Raise UsageError, naming the nearest column, unless all `names` are columns of `frame`."""
    have = [str(column) for column in frame.columns]
    for name in names:
        if name not in have:
            near = difflib.get_close_matches(name, have, n=1)
            hint = (
                f"did you mean {near[0]!r}?"
                if near
                else f"its columns: {', '.join(have[:12])}" + (f" and {len(have) - 12} more" if len(have) > 12 else "")
            )
            raise UsageError(f"column {name!r}: the data has none of this name; {hint}")
