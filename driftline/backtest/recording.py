"""Recorded data as the topics would have held it: one partition, and each record's offset is its row."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.cells import columns_from_frame, labels_from_frame, refused_rows, wire_rows
from driftline.errors import UsageError
from driftline.inference import device_column
from driftline.kafka.interface import Batch
from driftline.model.answers import Answer
from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec
from driftline.topics import Topics

# A fixed past, so that two runs are the same to the byte.
EPOCH_MS = 1_700_000_000_000
# Devices among which rows are dealt where the file does not say who measured, as `driftline produce replay` does.
DEVICES = 8


@dataclass(frozen=True, slots=True)
class Recording:
    """n records in stream order.

    Attributes
    ----------
    record_ids, device_ids : n strings each.
    event_times : int64 [n], epoch ms, never decreasing.
    features : n feature records as on the wire.
    answers : the true answer of each record; None where it is not known.
    columns : the same features as columns, for models that are no networks.
    judged : bool [n]; true where serving answers the record and its truth is known, so that an answer can be judged.
    """

    record_ids: list[str]
    device_ids: list[str]
    event_times: NDArray[np.int64]
    features: list[bytes]
    answers: list[Answer | None]
    columns: Columns
    judged: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.record_ids)

    def first(self, rows: int) -> "Recording":
        """The first rows alone."""
        return Recording(
            self.record_ids[:rows],
            self.device_ids[:rows],
            self.event_times[:rows],
            self.features[:rows],
            self.answers[:rows],
            self.columns.take(slice(rows)),
            self.judged[:rows],
        )


class Coding:
    """Answers as numbers; a set of classes is one answer."""

    def __init__(self) -> None:
        self._codes: dict[str | tuple[str, ...], int] = {}

    def of(self, answers: Sequence[Answer | None]) -> NDArray[np.int64]:
        """Codes int64 [n]; -1 for None."""
        codes = self._codes
        return np.fromiter(
            (
                -1 if a is None else codes.setdefault(a if isinstance(a, str) else tuple(sorted(a)), len(codes))
                for a in answers
            ),
            dtype=np.int64,
            count=len(answers),
        )


def recorded(spec: StreamSpec, frame: pd.DataFrame, rate: float) -> Recording:
    """The recording of a data file, in file order.

    Parameters
    ----------
    rate : records a second of simulated time; it gives the event times.

    Raises
    ------
    UsageError : a column of the specification is not there, or no label is one of its classes.
    """
    n = len(frame)
    taken = {spec.label, *(feature.name for feature in spec.features)}
    column = device_column([str(name) for name in frame.columns], taken)
    devices = (
        [f"device-{row % DEVICES}" for row in range(n)]
        if column is None
        else [str(cell) if cell is not None and cell == cell else "unknown" for cell in frame[column]]
    )
    classes = set(spec.classes)
    answers = [
        a if a is not None and classes.issuperset([a] if isinstance(a, str) else a) else None
        for a in labels_from_frame(spec, frame)
    ]
    if all(a is None for a in answers):
        raise UsageError(
            f"no row of the data has a label: column {spec.label!r} holds none of the classes "
            f"{', '.join(spec.classes[:12])}"
        )
    times = EPOCH_MS + (np.arange(n) * 1_000 / rate).astype(np.int64)
    ids = [f"row-{row}" for row in range(n)]
    encode = msgspec.json.Encoder().encode
    values = [
        encode({"record_id": rid, "device_id": device, "event_time": time, "features": features})
        for rid, device, time, features in zip(ids, devices, times.tolist(), wire_rows(spec, frame), strict=True)
    ]
    judged = ~refused_rows(spec, frame) & np.array([a is not None for a in answers])
    return Recording(ids, devices, times, values, answers, columns_from_frame(spec, frame), judged)


class Tape:
    """A recording as its topics deliver it, labels `delay` records behind.

    Parameters
    ----------
    delay : records by which a label follows its own.
    """

    def __init__(self, topics: Topics, recording: Recording, delay: int) -> None:
        self._topics, self._recording = topics, recording
        n = len(recording)
        arrival = recording.event_times[np.minimum(np.arange(n) + delay, n - 1)] if n else recording.event_times
        encode = msgspec.json.Encoder().encode
        self._labels = [
            None
            if answer is None
            else encode({"record_id": rid, "device_id": device, "label": answer, "labelled_at": at})
            for rid, device, answer, at in zip(
                recording.record_ids, recording.device_ids, recording.answers, arrival.tolist(), strict=True
            )
        ]
        self._known = np.array([label is not None for label in self._labels], dtype=bool)

    def features(self, start: int, stop: int) -> Batch:
        """The feature records of rows [start, stop)."""
        recording = self._recording
        stop = min(stop, len(recording))
        return Batch(
            self._topics.features,
            0,
            range(start, stop),
            recording.event_times[start:stop].tolist(),
            [None] * (stop - start),
            recording.features[start:stop],
        )

    def labels(self, start: int, stop: int) -> Batch:
        """The labels of rows [start, stop), as far as they are known; a label's offset is its row."""
        rows = (start + np.flatnonzero(self._known[start:stop])).tolist()
        times = self._recording.event_times[rows].tolist()
        return Batch(self._topics.labels, 0, rows, times, [None] * len(rows), [self._labels[row] for row in rows])

    def labelled(self, start: int, stop: int) -> int:
        """How many of rows [start, stop) have a label."""
        return int(self._known[start:stop].sum())
