"""Rows made for rare classes, of training rows only: SMOTE and ADASYN on what the network would see."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.neighbourhood import neighbourhood


def balance(spec: StreamSpec, rows: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """`rows`, and behind them as many made ones as give every class the rows of the most frequent one.

    Parameters
    ----------
    rows : training rows only, at least one. What is held out or watched by early stopping must not be among them: a
        made row lies between two rows, and would carry the one into the other's side.

    Returns
    -------
    The rows, and a note for each class that has too few rows to be treated as `training.imbalance` says. With the
    methods 'none' and 'class-weights' the very `rows`.

    Notes
    -----
    Neighbours are sought among values as the network sees them: missing ones filled by the mean with an indicator
    beside them, and normalised, so that no unit outweighs another. Made rows are carried back to raw columns; where
    the indicator came out nearer to 1, the value is missing again. Categories: the most frequent one among the
    neighbours (SMOTE-NC). Chawla, Bowyer, Hall, Kegelmeyer, "SMOTE: synthetic minority over-sampling technique",
    JAIR 16 (2002) 321-357, §4.2 and §6.1; He, Bai, Garcia, Li, "ADASYN: adaptive synthetic sampling approach for
    imbalanced learning", IJCNN 2008.

    Raises
    ------
    UsageError : imbalanced-learn is not installed.
    """
    settings = spec.training.imbalance
    if settings.method not in ("smote", "adasyn"):
        return rows, ()
    around = neighbourhood(spec, rows.columns)
    space = around.enter(rows.columns)
    counts = np.bincount(rows.labels, minlength=len(spec.classes))
    most = int(counts.max())
    made: list[NDArray[np.float64]] = []
    labels: list[int] = []
    notes: list[str] = []
    for k in np.flatnonzero((counts > 0) & (counts < most)).tolist():
        count, name = int(counts[k]), spec.classes[k]
        said = f"training.imbalance: class {name!r} has {count} training row{'s' if count > 1 else ''}"
        if count < 2:
            notes.append(f"{said}, too few to make others between; left as it is")
            continue
        neighbours = min(settings.neighbours, count - 1)
        if neighbours < settings.neighbours:
            notes.append(f"{said}; made from {neighbours} neighbour{'s' if neighbours > 1 else ''}")
        sampler = _sampler(spec, around.numbers, {k: most}, neighbours)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the classes' order and of threads, neither of them ours
                values, codes = sampler.fit_resample(space, rows.labels)
        except (ValueError, RuntimeError) as error:
            # ADASYN makes rows only where another class is near, and says so by an error where none is.
            notes.append(f"{said}; left as it is: {str(error).splitlines()[0][:120]}")
            continue
        made.append(np.asarray(values[len(rows) :], dtype=np.float64))
        labels += codes[len(rows) :].tolist()
    if not labels:
        return rows, tuple(notes)
    new = around.leave(np.concatenate(made))
    return (
        Dataset(
            Columns.concatenate([rows.columns, new]),
            np.concatenate([rows.labels, np.array(labels, dtype=np.int64)]),
            [*rows.record_ids, *(f"(made {i})" for i in range(len(labels)))],
            np.concatenate([rows.event_times, np.repeat(rows.event_times[-1:], len(labels))]),
            rows.dropped,
        ),
        tuple(notes),
    )


def _sampler(spec: StreamSpec, numbers: int, wanted: dict[int, int], neighbours: int) -> Any:
    try:
        from imblearn.over_sampling import ADASYN, SMOTE, SMOTENC
    except ImportError as error:
        raise UsageError(
            f"training.imbalance.method: {spec.training.imbalance.method} needs imbalanced-learn: "
            "pip install 'driftline[balance]'"
        ) from error
    shared = {"sampling_strategy": wanted, "random_state": spec.training.seed % 2**32}
    if spec.training.imbalance.method == "adasyn":
        return ADASYN(n_neighbors=neighbours, **shared)
    if spec.categorical:
        codes = list(range(numbers, numbers + len(spec.categorical)))
        return SMOTENC(categorical_features=codes, k_neighbors=neighbours, **shared)
    return SMOTE(k_neighbors=neighbours, **shared)
