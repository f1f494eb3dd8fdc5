"""A dataset as one `.npz` file, the way it travels to the process that trains. No pickle in it, so no code in it.

Strings are JSON in a byte array: numpy's fixed-width text would give every cell the room of the longest, and cannot
hold a missing value.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.errors import UsageError
from driftline.model.columns import Columns
from training.data import Dataset, Dropped


def save_dataset(path: Path, dataset: Dataset) -> None:
    """Write `dataset` to `path`."""
    np.savez(
        path,
        numeric=dataset.columns.numeric,
        labels=dataset.labels,
        event_times=dataset.event_times,
        categorical=_pack(dataset.columns.categorical.tolist()),
        text=_pack(dataset.columns.text.tolist()),
        record_ids=_pack(dataset.record_ids),
        dropped=np.array([dataset.dropped.unlabelled, dataset.dropped.rejected, dataset.dropped.repeated]),
    )


def load_dataset(path: Path) -> Dataset:
    """Read what `save_dataset` wrote.

    Raises
    ------
    UsageError : not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            numeric = file["numeric"]
            return Dataset(
                columns=Columns(
                    numeric, _strings(file["categorical"], len(numeric)), _strings(file["text"], len(numeric))
                ),
                labels=file["labels"],
                record_ids=_unpack(file["record_ids"]),
                event_times=file["event_times"],
                dropped=Dropped(*(int(count) for count in file["dropped"])),
            )
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"{path}: not a dataset: {error}") from None


def _pack(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def _unpack(array: NDArray[np.uint8]) -> Any:
    return json.loads(array.tobytes())


def _strings(array: NDArray[np.uint8], rows: int) -> NDArray[np.object_]:
    values = _unpack(array)
    out = np.empty((rows, len(values[0]) if values else 0), dtype=object)
    for row, cells in enumerate(values):
        out[row] = cells
    return out
