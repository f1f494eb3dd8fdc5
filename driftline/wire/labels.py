"""Labels: from wire bytes to columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.kafka.interface import Batch

Answer = str | list[str]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Label(msgspec.Struct, gc=False):
    """Field for field `driftline.records.Label`, which the tests hold it to."""

    record_id: _Id
    device_id: _Id
    label: Answer
    labelled_at: int
    schema_version: int = 1


_decode = msgspec.json.Decoder(_Label).decode


@dataclass(frozen=True, slots=True)
class Labels:
    """Columns of n labels, with their own place on NAME.labels."""

    record_ids: list[str]
    device_ids: list[str]
    labels: list[Answer]
    labelled_at: NDArray[np.int64]
    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    malformed: list[tuple[int, int, str]]
    """Partition, offset and reason of every value that is not a label."""

    def __len__(self) -> int:
        return len(self.record_ids)


def decode_labels(batches: Sequence[Batch], classes: Sequence[str]) -> Labels:
    """Decode batches of NAME.labels; a label that names a class outside `classes` is malformed."""
    known = frozenset(classes)
    rows: list[_Label] = []
    places: list[tuple[int, int]] = []
    malformed: list[tuple[int, int, str]] = []
    for batch in batches:
        for offset, value in zip(batch.offsets, batch.values, strict=True):
            try:
                row = _decode(value or b"")
                if row.schema_version != 1:
                    raise msgspec.ValidationError(f"schema_version: {row.schema_version}; this version reads 1")
                if not known.issuperset([row.label] if isinstance(row.label, str) else row.label):
                    raise msgspec.ValidationError(f"label: {row.label!r:.80} is not a class of the stream")
            except (msgspec.MsgspecError, UnicodeError) as error:
                malformed.append((batch.partition, offset, str(error)))
                continue
            rows.append(row)
            places.append((batch.partition, offset))
    return Labels(
        record_ids=[r.record_id for r in rows],
        device_ids=[r.device_id for r in rows],
        labels=[r.label for r in rows],
        labelled_at=np.array([r.labelled_at for r in rows], dtype=np.int64),
        partitions=np.array([p for p, _ in places], dtype=np.int64),
        offsets=np.array([o for _, o in places], dtype=np.int64),
        malformed=malformed,
    )
