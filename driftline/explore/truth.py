"""The label of every row, as a matrix: one column a class, whatever the task."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.cells import require_columns, split_classes
from driftline.errors import UsageError
from driftline.label_column import Answers, several_labels, single_label
from driftline.spec.stream import StreamSpec

# Classes that are told apart; a leak shows in the frequent ones.
MOST_CLASSES = 50


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of n rows.

    Attributes
    ----------
    known : bool [n], rows that carry a label.
    holds : bool [n, K] for the K (at most 50) most frequent of `names`, which come first; false where not known.
    counts : rows of each class, the most frequent first.
    """

    answers: Answers
    known: NDArray[np.bool_]
    holds: NDArray[np.bool_]
    names: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def multilabel(self) -> bool:
        return self.answers.task == "multilabel"


def answers_of(
    frame: pd.DataFrame, spec: StreamSpec | None, label: str | None, multilabel: tuple[str, ...], notes: list[str]
) -> Answers:
    """The question that the file answers, by the specification if there is one.

    Raises
    ------
    UsageError : the column that was named cannot be a label, or none can.
    """
    if label is not None and multilabel:
        raise UsageError("label and multilabel were both given; a task has one or the other")
    require_columns([*([label] if label else []), *multilabel], frame)
    if spec is not None and label is None and not multilabel:
        if spec.task != "multilabel":
            return single_label(frame, spec.label, (), notes)
        columns = spec.classes if all(name in frame.columns for name in spec.classes) else (spec.label,)
        return several_labels(frame, columns, notes)
    return several_labels(frame, multilabel, notes) if multilabel else single_label(frame, label, (), notes)


def truth_of(answers: Answers) -> Truth:
    """The matrix of these answers."""
    codes = answers.codes
    known = (codes != "").to_numpy(dtype=bool)
    if answers.task != "multilabel":
        index = {name: k for k, name in enumerate(answers.classes)}
        numbers = np.array([index.get(code, -1) for code in codes], dtype=np.int64)
        counts = np.bincount(numbers[numbers >= 0], minlength=len(answers.classes))
        order = np.argsort(-counts, kind="stable")
        holds = np.equal(numbers[:, None], order[None, :MOST_CLASSES])
    else:
        if len(answers.columns) > 1:
            full = np.array([[mark == "1" for mark in code.ljust(len(answers.classes), "0")] for code in codes])
        else:
            index = {name: k for k, name in enumerate(answers.classes)}
            full = np.zeros((len(codes), len(index)), dtype=bool)
            for row, code in enumerate(codes):
                for name in split_classes(code if code not in ("", "-") else None):
                    full[row, index[name]] = True
        full = full.reshape(len(codes), len(answers.classes)) & known[:, None]
        counts = full.sum(axis=0)
        order = np.argsort(-counts, kind="stable")
        holds = full[:, order[:MOST_CLASSES]]
    names = tuple(answers.classes[k] for k in order)
    return Truth(answers, known, holds, names, tuple(int(counts[k]) for k in order))
