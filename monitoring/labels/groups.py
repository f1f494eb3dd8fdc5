"""How right the answers are in each group of records: by device, by site, by whatever `monitoring.segments` names."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitoring.labels.casebook import Casebook, coded
from monitoring.labels.segment_values import DEVICE, SegmentValues

GROUPS_SHOWN = 50
"""Most groups of one segment, those with the most outcomes: a fleet of thousands must not swamp who looks at it."""

Groups = dict[tuple[str, str], tuple[int, int]]
"""(segment, value) → (outcomes, right ones)."""


def groups(book: Casebook, values: SegmentValues, segments: Sequence[str], newest: int) -> Groups:
    """Count the newest outcomes of the watched version by group.

    Parameters
    ----------
    book : outcomes with the codes of their segments' values.
    values : what the codes mean.
    segments : `monitoring.segments`.
    newest : how many outcomes are counted; one whose value is not known (any more) is in no group of that segment.
    """
    wrong, devices, codes = book.newest(newest)
    found: Groups = {}
    for name in segments:
        if name == DEVICE:
            names, column = coded(devices)
        elif name in values.features:
            place = values.features.index(name)
            names, column = values.names[place], codes[:, place]
        else:
            continue
        found |= {(name, names[code]): count for code, count in _counted(column, wrong).items()}
    return found


def _counted(codes: NDArray[np.int64], wrong: NDArray[np.bool_]) -> dict[int, tuple[int, int]]:
    known = codes >= 0
    outcomes = np.bincount(codes[known])
    right = np.bincount(codes[known & ~wrong], minlength=len(outcomes))
    largest = np.argsort(-outcomes, kind="stable")[:GROUPS_SHOWN]
    return {int(code): (int(outcomes[code]), int(right[code])) for code in largest if outcomes[code]}
