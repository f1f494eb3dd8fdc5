"""Each column of a file: its type as `driftline init` would say, what is missing, how its numbers lie."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.cells import category_cells, numeric_cells, text_cells
from driftline.column_kinds import judge_column
from driftline.explore.outliers import Outliers, outliers
from driftline.spec.stream import StreamSpec

Kind = Literal["numeric", "categorical", "text", "left-out"]
# Categories told apart in what follows; the rarer ones are one. More would have hardly a row each.
MOST_VALUES = 1_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of n cells that is not the label.

    Attributes
    ----------
    kind : as judged, or as the specification says.
    notes : continue 'column X …'.
    missing : cells without a value; in a column of numbers, also those that are no number.
    distinct : values.
    numbers : float64 [n], NaN missing, of every column that reads as numbers, also one that is no feature; else None.
    codes : int64 [n]: a category's rank by frequency from 1 on, 0 missing; None for a column of numbers or of texts.
    words : float64 [n], words of each text, NaN missing; None for what is no text.
    outliers : None for what is no numeric feature.
    """

    name: str
    kind: Kind
    notes: tuple[str, ...]
    missing: int
    distinct: int
    numbers: NDArray[np.float64] | None = None
    codes: NDArray[np.int64] | None = None
    words: NDArray[np.float64] | None = None
    outliers: Outliers | None = None

    @property
    def measured(self) -> NDArray[np.float64] | None:
        """What can be binned as numbers: the numbers, or the lengths of texts."""
        return self.numbers if self.numbers is not None else self.words

    def take(self, rows: NDArray[np.intp]) -> "Column":
        """The chosen rows; what was counted stays that of the whole column."""
        return replace(
            self,
            numbers=None if self.numbers is None else self.numbers[rows],
            codes=None if self.codes is None else self.codes[rows],
            words=None if self.words is None else self.words[rows],
        )


def read_columns(frame: pd.DataFrame, taken: Collection[str], spec: StreamSpec | None = None) -> tuple[Column, ...]:
    """The columns of `frame` beside those `taken` as the label, in the file's order."""
    known = {feature.name: feature.type for feature in spec.features} if spec else {}
    found = []
    for place, name in enumerate(map(str, frame.columns)):
        if name not in taken:
            found.append(_read(name, frame.iloc[:, place], known.get(name), spec is not None))
    return tuple(found)


def _read(name: str, cells: "pd.Series[Any]", said: Kind | None, by_spec: bool) -> Column:
    verdict = judge_column(name, cells)
    kind, notes = said or verdict.kind, verdict.notes
    if by_spec and said is None:
        kind, notes = "left-out", ("is not in the specification", *notes)
    elif said is not None and said != verdict.kind:
        notes = (f"is {said} in the specification; by its cells it would be {verdict.kind}", *notes)
    read = numeric_cells(cells)
    present = read.values[~np.isnan(read.values)]
    if kind == "numeric" or (kind == "left-out" and len(present) and not read.unreadable):
        missing, distinct = len(read.values) - len(present), len(np.unique(present))
        tails = outliers(present) if kind == "numeric" else None
        return Column(name, kind, notes, missing, distinct, numbers=read.values, outliers=tails)
    if kind == "text":
        texts = text_cells(cells)
        words = np.array([np.nan if text is None else len(text.split()) for text in texts], dtype=np.float64)
        return Column(name, kind, notes, int(np.isnan(words).sum()), len({*texts} - {None}), words=words)
    strings = pd.Series(category_cells(cells), dtype=object)
    counts = strings.value_counts()
    ranks = {value: min(rank, MOST_VALUES) for rank, value in enumerate(counts.index, start=1)}
    codes = strings.map(ranks).fillna(0).to_numpy(dtype=np.int64)
    return Column(name, kind, notes, int((codes == 0).sum()), len(counts), codes=codes)
