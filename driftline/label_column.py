"""Which column is the label, what question it answers, and which feature gives the answer away."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.cells import category_cells, split_classes
from driftline.errors import UsageError

LABEL_NAMES = ("label", "labels", "class", "target", "y", "outcome", "category", "response", "ground_truth")
POSITIVE = frozenset({
    "1", "true", "yes", "y", "t", "up", "positive", "pos", "fail", "failed", "failure", "faulty", "fault", "broken",
    "anomaly", "anomalous", "abnormal", "attack", "fraud", "spam", "bad", "default", "on", "sick", "ill", "defective",
    "alarm", "high",
})  # fmt: skip
NEGATIVE = frozenset({
    "0", "-1", "false", "no", "n", "f", "down", "negative", "neg", "ok", "normal", "good", "pass", "passed", "healthy",
    "legit", "ham", "off", "benign", "none", "low",
})  # fmt: skip
# More classes than this are no longer a question with a list of answers but a number or a name.
MOST_CLASSES = 1_000
# A label of numbers with a fraction and more distinct values than this is a measurement: a regression.
MOST_FRACTIONAL_CLASSES = 20
# A column that agrees this often, among the rows with and without a fault alike, is the fault under another name.
NEARLY = 0.9
# Fewer rows of a class than this cannot be learned and proven: one in five is held out.
FEW_ROWS = 10


@dataclass(frozen=True, slots=True)
class Answers:
    """The question that a data file answers, and its answer in each row."""

    task: Literal["binary", "multiclass", "multilabel"]
    label: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    """Columns that hold the answer."""
    codes: "pd.Series[str]"
    """The answer of each row as one string, '' where it is not known."""


def single_label(frame: pd.DataFrame, label: str | None, exclude: Collection[str], notes: list[str]) -> Answers:
    """The answers of a binary or multiclass file: `label`, or the column that looks most like one.

    Decisions are appended to `notes`. Raises UsageError where the column cannot be a label.
    """
    names = [str(name) for name in frame.columns if name not in exclude]
    asked = label is not None
    if label is None:
        label = column_named(names, LABEL_NAMES, ())
        if label is None:
            if not names:
                raise UsageError("exclude: every column was left out")
            label = names[-1]
            notes.append(f'column "{label}" is taken as the label, as the last one; name another to change that')
        else:
            notes.append(f'column "{label}" is taken as the label, by its name')
    cells = category_cells(frame[label])
    codes = pd.Series([cell or "" for cell in cells], dtype=object)
    counts = codes[codes != ""].value_counts()
    hint = "" if asked else "; name the label column (it was not given)"
    if len(counts) < 2:
        what = f"one value only, {counts.index[0]!r}" if len(counts) else "no value"
        raise UsageError(f"label column {label!r}: holds {what}; at least two classes are needed{hint}")
    fractional = all(_is_number(name) for name in counts.index) and any("." in name for name in counts.index)
    if len(counts) > (MOST_FRACTIONAL_CLASSES if fractional else MOST_CLASSES):
        raise UsageError(
            f"label column {label!r}: {len(counts):,} distinct values; a label has at most {MOST_CLASSES:,} classes"
            + (f" ({MOST_FRACTIONAL_CLASSES} where they are numbers with a fraction)" if fractional else "")
            + hint
        )
    if len(counts) > len(codes) / 2 and len(counts) > 2:
        raise UsageError(
            f"label column {label!r}: {len(counts):,} distinct values in {len(codes):,} rows; a class stands in "
            f"several rows{hint}"
        )
    if missing := int((codes == "").sum()):
        notes.append(f'label column "{label}": {missing:,} of {len(codes):,} rows have no label')
    if rare := [str(name) for name, count in counts.items() if count < FEW_ROWS and len(codes) >= 20 * FEW_ROWS]:
        notes.append(f"few rows to learn from: class {', '.join(rare[:5])} (fewer than {FEW_ROWS} rows)")
    classes = sorted((str(name) for name in counts.index), key=natural_order)
    if len(classes) > 2:
        return Answers("multiclass", label, tuple(classes), (label,), codes)
    negative, positive = _binary_order(classes, {str(name): int(count) for name, count in counts.items()})
    notes.append(
        f"binary: {positive!r} is the positive class ({int(counts[positive]):,} of {int(counts.sum()):,} rows)"
    )
    return Answers("binary", label, (negative, positive), (label,), codes)


def _binary_order(classes: Sequence[str], counts: dict[str, int]) -> tuple[str, str]:
    first, second = classes
    for words, wanted in ((POSITIVE, True), (NEGATIVE, False)):
        inside = [name for name in classes if name.casefold() in words]
        if len(inside) == 1:
            known = inside[0]
            other = second if known == first else first
            return (other, known) if wanted else (known, other)
    return (second, first) if counts[first] < counts[second] else (first, second)


def several_labels(frame: pd.DataFrame, columns: Sequence[str], notes: list[str]) -> Answers:
    """The answers of a multilabel file, from a column of 0/1 for each class or from one of ';'-separated names.

    Decisions are appended to `notes`. Raises UsageError where the columns hold something else.
    """
    if len(set(columns)) < len(columns):
        raise UsageError(f"multilabel: each column once; read {', '.join(columns)}")
    if len(columns) == 1:
        column = columns[0]
        cells = category_cells(frame[column])
        held = [split_classes(cell) for cell in cells if cell != "?"]
        classes = sorted({name for row in held for name in row}, key=natural_order)
        if not classes or len(classes) > MOST_CLASSES:
            raise UsageError(
                f"multilabel column {column!r}: holds {len(classes)} classes; allowed: 1 to {MOST_CLASSES}"
            )
        codes = pd.Series([cell or "-" for cell in cells], dtype=object).where(lambda s: s != "?", "")
        return Answers("multilabel", column, tuple(classes), (column,), codes)
    marks = []
    for name in columns:
        cells = [None if cell is None else cell.lower() for cell in category_cells(frame[name])]
        values = {cell for cell in cells if cell is not None}
        if not values or not any(values <= pair for pair in ({"0", "1"}, {"true", "false"}, {"yes", "no"})):
            raise UsageError(
                f"multilabel column {name!r}: read {', '.join(sorted(values)[:4]) or 'nothing'}; "
                "allowed: 0/1, true/false, yes/no"
            )
        holds = [cell in ("1", "true", "yes") for cell in cells]
        notes.append(f'class "{name}": holds in {sum(holds):,} of {len(cells):,} rows')
        marks.append(["" if cell is None else str(int(mark)) for cell, mark in zip(cells, holds, strict=True)])
    codes = pd.Series(["".join(row) for row in zip(*marks, strict=True)], dtype=object)
    label = "labels" if "label" in frame.columns else "label"
    return Answers("multilabel", label, tuple(columns), tuple(columns), codes)


def leakage(cells: "pd.Series[Any]", answers: Answers) -> str | None:
    """Whether the column says the answer: each of its values one answer and each answer one value."""
    if cells.nunique() > MOST_CLASSES:
        return None
    known = (answers.codes != "").to_numpy()
    values = pd.Series([cell or "" for cell in category_cells(cells)], dtype=object)[known].to_numpy()
    codes = answers.codes[known].to_numpy()
    if _one_to_one(values, codes):
        return f'equals the label "{answers.label}" one to one'
    if answers.task == "multilabel" and len(set(values)) == 2:
        holds = np.array([code.strip("0-") != "" for code in codes])
        for value in sorted(set(values)):
            agree = (values == value) == holds
            # Both ways, because where faults are rare a column of zeros would agree nearly everywhere too.
            if holds.any() and not holds.all() and min(agree[holds].mean(), agree[~holds].mean()) > NEARLY:
                return f"says in {agree.mean():.1%} of the rows whether any of the classes holds"
    return None


def _one_to_one(a: NDArray[np.object_], b: NDArray[np.object_]) -> bool:
    distinct = len(set(a))
    return 2 <= distinct == len(set(b)) == len(set(zip(a, b, strict=True)))


def natural_order(name: str) -> tuple[int, float, list[tuple[int, int | str]]]:
    """Sort key: numbers by value, then strings with the numbers in them by value.

    >>> sorted(["11", "2", "v10", "v9"], key=natural_order)
    ['2', '11', 'v9', 'v10']
    """
    if _is_number(name):
        return (0, float(name), [])
    parts = re.split(r"(\d+)", name.casefold())
    return (1, 0.0, [(0, int(part)) if part.isdecimal() else (1, part) for part in parts])


def column_named(names: Sequence[str], wanted: Sequence[str], taken: Collection[str]) -> str | None:
    """The first of the `wanted` (lower-case) names that a column has, spaces and hyphens aside, as the file has it."""
    by_name = {re.sub(r"[\s\-]+", "_", name.strip().lower()): name for name in reversed(names) if name not in taken}
    return next((by_name[name] for name in wanted if name in by_name), None)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
