"""What kind of column one is, from its cells: a number, a category, a text, or nothing a model should see."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.cells import NumericCells, category_cells, numeric_cells, text_cells
from driftline.spec.features import NAME

# A column is one of numbers though some cells are not, up to this share: a sensor's 'ERR' among readings. More, and
# the strings are part of what the column says.
NUMBER_SHARE = 0.95
# A text has this many words on average; sentences have, codes and names have not.
TEXT_WORDS = 3.5
# More categories than this are a vocabulary, and are treated as text.
MOST_CATEGORIES = 1_000
# A category is seen again: on average a value of a categorical column stands in at least this many rows.
ROWS_PER_CATEGORY = 2
# A clock goes back now and then (a late record, a correction), in at most one record of a thousand.
FALLS = 1e-3
# Below this many rows nothing can be said about identifiers: any few numbers are all distinct.
ENOUGH_ROWS = 20
_ID_NAME = re.compile(
    r"(^|[_\s\-.])(id|uid|uuid|udi|guid|index|idx|key|row|rowid|rownum|serial|nr|no)$|^unnamed: \d+$", re.I
)
_ID_CAMEL = re.compile(r"[a-z](Id|ID|Key|No)$")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}.*)?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a column is. `kind` 'left-out' means that it is no feature; `notes` continue 'column X …'."""

    kind: Literal["numeric", "categorical", "text", "left-out"]
    notes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    unknown: Literal["dead-letter", "bucket"] = "dead-letter"
    sequence_length: int = 32


def judge_column(name: str, cells: "pd.Series[Any]") -> Verdict:
    """Judge one column by its name and its n cells."""
    if not re.match(NAME, name):
        return _out("its name is longer than 128 characters or holds a quote, a backslash or a control character")
    if pd.api.types.is_datetime64_any_dtype(cells.dtype) or pd.api.types.is_timedelta64_dtype(cells.dtype):
        return _out("dates and times are not a kind of feature")
    numbers = numeric_cells(cells)
    values = numbers.values[~np.isnan(numbers.values)]
    if len(values) and len(values) >= NUMBER_SHARE * (len(values) + len(numbers.unreadable)):
        distinct = len(np.unique(values)) + len(set(numbers.unreadable.values()))
        if distinct == 1:
            return _out(f"constant: every value is {values[0]:g}")
        if not _is_code(cells, numbers, distinct):
            return _number(name, numbers, values, _sparse(len(values) + len(numbers.unreadable), len(cells)))
    strings = category_cells(cells)
    present = [cell for cell in strings if cell is not None]
    if not present:
        return _out("no cell holds a value")
    if len(set(present)) == 1:
        return _out(f"constant: every value is {present[0][:40]!r}")
    return _strings(
        present, [cell for cell in text_cells(cells) if cell is not None], _sparse(len(present), len(cells))
    )


def _sparse(present: int, rows: int) -> list[str]:
    missing = rows - present
    return [f"is mostly missing ({missing:,} of {rows:,} rows)"] if missing * 2 > rows else []


def looks_like_device(cells: "pd.Series[Any]") -> bool:
    """Whether a column named like a device holds names: neither readings with a fraction nor one value a row."""
    present = [cell for cell in category_cells(cells) if cell is not None]
    fractions = numeric_cells(cells).values % 1
    return (
        bool(present)
        and not np.nansum(fractions) > 0
        and (len(present) < ENOUGH_ROWS or len(set(present)) * ROWS_PER_CATEGORY <= len(present))
    )


def looks_like_time(cells: "pd.Series[Any]") -> bool:
    """Whether a column named like a time holds times: dates, epoch numbers, or numbers that (almost) never fall."""
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return True
    present = [cell for cell in category_cells(cells) if cell is not None]
    if not present:
        return False
    values = numeric_cells(cells).values
    values = values[~np.isnan(values)]
    if len(values) == len(present):
        # 1e8 s after 1970 is March 1973: no count of anything small, and any clock since.
        return bool((np.diff(values) < 0).sum() <= FALLS * len(values) or values.min() > 1e8)
    return _share_of_dates(present) > NUMBER_SHARE


def _number(name: str, numbers: NumericCells, values: NDArray[np.float64], notes: list[str]) -> Verdict:
    if reason := _identifier_reason(name, values):
        return _out(reason)
    if numbers.unreadable:
        row, cell = next(iter(numbers.unreadable.items()))
        notes.append(
            f"has {len(numbers.unreadable):,} cells that are no number (first: {cell[:40]!r} in row {row}); such a "
            "record is refused as a dead letter"
        )
    return Verdict("numeric", tuple(notes))


def _identifier_reason(name: str, values: NDArray[np.float64]) -> str | None:
    if len(values) < ENOUGH_ROWS or (values % 1).any():
        return None
    distinct = len(np.unique(values))
    said = f"{distinct:,} distinct of {len(values):,}"
    steps = np.diff(values)
    if (steps == steps[0]).all() and steps[0] != 0:
        return f"counts the rows ({said})"
    if distinct > 0.95 * len(values) and (_ID_NAME.search(name) or _ID_CAMEL.search(name)):
        return f"an identifier ({said})"
    return None


def _strings(present: list[str], texts: list[str], notes: list[str]) -> Verdict:
    distinct = set(present)
    lengths = np.array([len(text.split()) for text in texts])
    said = f"{len(distinct):,} distinct of {len(present):,}"
    sentences = lengths.mean() >= TEXT_WORDS and len(distinct) * ROWS_PER_CATEGORY > len(present)
    if not sentences and _share_of_dates(present) > NUMBER_SHARE:
        return _out("dates and times are not a kind of feature")
    if sentences and len(present) >= ENOUGH_ROWS:
        return _text(lengths, notes)
    few = len(distinct) * ROWS_PER_CATEGORY <= len(present) or len(present) < ENOUGH_ROWS
    if few and len(distinct) <= MOST_CATEGORIES:
        counts = pd.Series(present, dtype=object).value_counts()
        # Good and Turing: the share of values seen once estimates the chance that the next one was never seen.
        once = int((counts == 1).sum())
        if once:
            notes.append(
                f"has {once:,} of {len(distinct):,} categories seen only once: unseen ones are to be expected and are "
                "scored as 'unknown'"
            )
        return Verdict("categorical", tuple(notes), tuple(distinct), "bucket" if once else "dead-letter")
    if len(distinct) > 0.95 * len(present) and lengths.mean() < 2:
        return _out(f"an identifier ({said})")
    notes.append(f"is taken as text: too many values for categories ({said})")
    return _text(lengths, notes)


def _text(lengths: "NDArray[np.int_]", notes: list[str]) -> Verdict:
    # Room for 95 texts in 100, in steps of 8; longer ones lose their tails, and padding costs time.
    length = int(np.clip(-(-np.quantile(lengths, 0.95) // 8) * 8, 8, 256))
    return Verdict("text", tuple(notes), sequence_length=length)


def _is_code(cells: "pd.Series[Any]", numbers: NumericCells, distinct: int) -> bool:
    """Whether what reads as a number is a name: booleans, '007', and whole numbers that a typed file holds as strings.

    A CSV (dtype object) has only strings, so there a whole number is a number.
    """
    if pd.api.types.is_bool_dtype(cells.dtype) or any(isinstance(cell, bool) for cell in cells.head(1_000)):
        return True
    if not pd.api.types.is_numeric_dtype(cells.dtype) and any(
        _is_padded(cell) for cell in cells if isinstance(cell, str)
    ):
        return True
    if not isinstance(cells.dtype, pd.StringDtype) or numbers.unreadable:
        return False
    return not np.nansum(numbers.values % 1) and distinct * ROWS_PER_CATEGORY <= len(cells)


def _is_padded(value: str) -> bool:
    """'007' is a code, not a number."""
    return value[:1] == "0" and len(value) > 1 and value.isdecimal()


def _share_of_dates(present: list[str]) -> float:
    sample = present[:1_000]
    return sum(_DATE.fullmatch(cell) is not None for cell in sample) / len(sample)


def _out(reason: str) -> Verdict:
    return Verdict("left-out", (f"left out: {reason}",))
