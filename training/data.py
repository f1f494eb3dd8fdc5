"""Labelled rows in time order: what every stage of a training works on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from driftline.cells import columns_from_frame, labels_from_frame, refused_rows
from driftline.errors import UsageError
from driftline.kafka.interface import Batch
from driftline.model.answers import Answer, Decision
from driftline.model.columns import Columns
from driftline.spec.stream import StreamSpec
from driftline.wire.features import FeatureDecoder
from driftline.wire.labels import decode_labels

Codes = NDArray[np.int64] | NDArray[np.bool_]

# Below this a held-out slice is one or two rows, and whatever is measured on it is noise. Policies ask for far more
# (`monitoring.policy.minimum_labels`); this is the floor below which there is nothing to train on at all.
FEWEST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows that were read and are not in the dataset, by reason."""

    unlabelled: int = 0
    """No label, or one that names no class of the stream."""
    rejected: int = 0
    """Features that serving would refuse as a dead letter; a model must not learn from what it will never be asked."""
    repeated: int = 0
    """Delivered again: a second copy could stand on both sides of the split, and so leak."""

    def __str__(self) -> str:
        return f"{self.unlabelled} without a known label, {self.rejected} refused, {self.repeated} repeated"


@dataclass(frozen=True, slots=True)
class Dataset:
    """n labelled rows, oldest first.

    Attributes
    ----------
    columns : raw features of n rows.
    labels : class indices int64 [n]; for multilabel a mask bool [n, K].
    record_ids : n distinct ids.
    event_times : int64 [n], epoch ms, never decreasing; row numbers where the data is a file without times.
    dropped : what was read beside these rows.
    """

    columns: Columns
    labels: Codes
    record_ids: list[str]
    event_times: NDArray[np.int64]
    dropped: Dropped = Dropped()

    def __len__(self) -> int:
        return len(self.record_ids)

    def rows(self, start: int, stop: int) -> "Dataset":
        """Rows [start, stop)."""
        part = slice(start, stop)
        return Dataset(self.columns.take(part), self.labels[part], self.record_ids[part], self.event_times[part])

    def take(self, rows: NDArray[np.intp]) -> "Dataset":
        """The chosen rows; their numbers ascend, so that the oldest stays first."""
        ids = [self.record_ids[row] for row in rows.tolist()]
        return Dataset(self.columns.take(rows), self.labels[rows], ids, self.event_times[rows])

    def split_newest(self, holdout: float) -> tuple["Dataset", "Dataset"]:
        """Older rows, and the newest share `holdout` of them; at least one row on either side.

        By time, because a stream's model is always asked about what comes after what it has seen: any other split
        measures a question that is never asked.

        Raises
        ------
        UsageError : fewer than two rows.
        """
        n = len(self)
        if n < 2:
            raise UsageError(f"{n} labelled rows: a split needs at least 2")
        held = min(max(round(n * holdout), 1), n - 1)
        return self.rows(0, n - held), self.rows(n - held, n)


def from_batches(
    spec: StreamSpec, features: Sequence[Batch], labels: Sequence[Batch], now_ms: int, *, fewest: int = FEWEST_ROWS
) -> Dataset:
    """Join a window of NAME.labels to a window of NAME.features by record id.

    Parameters
    ----------
    now_ms : the present, epoch ms, against which event times are judged, as in serving.

    Notes
    -----
    The first label of a record wins, as in the monitor, so both see the same truth; of a record delivered twice the
    first copy counts.

    Raises
    ------
    UsageError : fewer than `fewest` labelled rows.
    """
    decoded = FeatureDecoder(spec).decode(features, now_ms)
    truths: dict[str, Answer] = {}
    known = decode_labels(labels, spec.classes)
    for record_id, label in zip(known.record_ids, known.labels, strict=True):
        truths.setdefault(record_id, label)
    order = np.lexsort((decoded.offsets, decoded.partitions, decoded.event_times))
    chosen: list[int] = []
    seen: set[str] = set()
    repeated = 0
    for row in order.tolist():
        record_id = decoded.record_ids[row]
        if record_id in seen:
            repeated += 1
            continue
        seen.add(record_id)
        if record_id in truths:
            chosen.append(row)
    ids = [decoded.record_ids[row] for row in chosen]
    dropped = Dropped(unlabelled=len(seen) - len(ids), rejected=len(decoded.rejects), repeated=repeated)
    if len(ids) < fewest:
        raise UsageError(
            f"stream {spec.stream}: {len(ids)} labelled rows in the window ({dropped}); a training needs at least "
            f"{fewest}. Do labels arrive on {spec.topics.labels}, with the record_id of the feature record?"
        )
    rows = np.array(chosen, dtype=np.intp)
    encoded = Decision(spec).encode([truths[record_id] for record_id in ids])
    return Dataset(decoded.columns.take(rows), encoded, ids, decoded.event_times[rows], dropped)


def from_frame(spec: StreamSpec, frame: pd.DataFrame, *, fewest: int = FEWEST_ROWS) -> Dataset:
    """The labelled rows of a data file, in file order, cells read by the rule that replay follows too.

    A row is known by its number in the file; that number is its event time.

    Raises
    ------
    UsageError : a column of the specification is not there, or fewer than `fewest` rows carry a known label.
    """
    refused = refused_rows(spec, frame)
    columns = columns_from_frame(spec, frame)
    answers = labels_from_frame(spec, frame)
    classes = set(spec.classes)
    labelled = np.array(
        [a is not None and classes.issuperset([a] if isinstance(a, str) else a) for a in answers], dtype=bool
    )
    keep = labelled & ~refused
    dropped = Dropped(unlabelled=int((~labelled & ~refused).sum()), rejected=int(refused.sum()))
    if int(keep.sum()) < fewest:
        strange = sorted({str(a) for a, ok in zip(answers, labelled, strict=True) if a is not None and not ok})[:5]
        raise UsageError(
            f"{int(keep.sum())} labelled rows of {len(frame)} ({dropped}); a training needs at least {fewest}. "
            f"Labels are read from column {spec.label!r}; classes: {', '.join(spec.classes[:12])}"
            + (f"; labels that are none of them: {', '.join(strange)}" if strange else "")
        )
    rows = np.flatnonzero(keep)
    numbers = frame.index.to_numpy(dtype=np.int64) if isinstance(frame.index, pd.RangeIndex) else np.arange(len(frame))
    encoded = Decision(spec).encode([answers[row] or [] for row in rows])
    times = numbers[rows].astype(np.int64)
    return Dataset(columns.take(rows), encoded, [str(number) for number in times], times, dropped)
