"""Labels: from wire bytes to columns, with a reason for everything that cannot become one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from driftline.kafka.interface import Batch
from driftline.records.data import Reason
from driftline.records.wanted import BIASED
from driftline.wire.diagnosis import Fields, check_fields
from driftline.wire.json_text import OWN_FIELDS, exact, parse, plain, short
from driftline.wire.rejects import Diagnosis, Refused, Reject, reject

Answer = str | list[str]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_FIELDS: Fields = (
    ("record_id", str, "a string"),
    ("device_id", str, "a string"),
    ("label", (str, list), "a class or an array of classes"),
    ("labelled_at", int, "an integer (epoch milliseconds)"),
)
_FAR = 2**62


class _Label(msgspec.Struct, gc=False):
    """Field for field `driftline.records.Label`, which the tests hold it to."""

    record_id: _Id
    device_id: _Id
    label: Answer
    labelled_at: int
    why: Annotated[str, msgspec.Meta(max_length=64)] | msgspec.UnsetType | None = UNSET
    schema_version: int | msgspec.UnsetType = UNSET


_OWN = (*OWN_FIELDS, "why")
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
    malformed: list[Reject]
    """Every value that is not a label, with its place and the reason; in each partition's own order."""
    biased: NDArray[np.bool_] | None = None
    """Whether the record was picked for its answer or its features, bool [n]; None: no record was."""

    def __len__(self) -> int:
        return len(self.record_ids)


def decode_labels(batches: Sequence[Batch], classes: Sequence[str]) -> Labels:
    """Decode batches of NAME.labels.

    A label that names a class outside `classes`, or more of them than there are, is malformed.
    """
    known = frozenset(classes)
    rows: list[_Label] = []
    places: list[tuple[int, int]] = []
    malformed: list[Reject] = []
    for batch in batches:
        for index, value in enumerate(batch.values):
            try:
                if value is None:
                    raise msgspec.ValidationError
                row = _decode(value)
                keys = 4 + (row.schema_version is not UNSET) + (row.why is not UNSET)
                if row.schema_version not in (UNSET, 1):
                    raise msgspec.ValidationError
                _judge(row, known)
                if not exact(value, keys, _strings(row)) and not plain(value, _OWN):
                    parse(value, own=_OWN)
            except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                malformed.append(reject(batch, index, _diagnose(value, known, str(error))))
                continue
            except Refused as refused:
                malformed.append(reject(batch, index, refused.diagnosis))
                continue
            rows.append(row)
            places.append((batch.partition, batch.offsets[index]))
    return Labels(
        record_ids=[r.record_id for r in rows],
        device_ids=[r.device_id for r in rows],
        labels=[r.label for r in rows],
        labelled_at=np.array([r.labelled_at for r in rows], dtype=np.int64),
        partitions=np.array([p for p, _ in places], dtype=np.int64),
        offsets=np.array([o for _, o in places], dtype=np.int64),
        malformed=malformed,
        biased=np.array([r.why in BIASED for r in rows]) if any(r.why for r in rows) else None,
    )


def _strings(row: _Label) -> tuple[str, ...]:
    return (row.record_id, row.device_id, row.why) if isinstance(row.why, str) else (row.record_id, row.device_id)


def _judge(row: _Label, known: frozenset[str]) -> None:
    """What the shape does not say. Raises Refused."""
    named = [row.label] if isinstance(row.label, str) else row.label
    if len(named) > len(known):
        raise Refused(Reason.WRONG_WIDTH, f"label: {len(named)} classes; the stream has {len(known)}")
    if not known.issuperset(named):
        strange = next(name for name in named if name not in known)
        raise Refused(Reason.UNKNOWN_CLASS, f"label: {short(strange)} is not a class of the stream")
    if not -_FAR <= row.labelled_at <= _FAR:
        raise Refused(Reason.WRONG_TYPE, f"labelled_at: a number of {row.labelled_at.bit_length()} bits; expected 62")


def _diagnose(value: bytes | None, known: frozenset[str], decoder_said: str) -> Diagnosis:
    try:
        if not value:
            raise Refused(Reason.EMPTY_VALUE, "no value" if value is None else "an empty value")
        document: Any = parse(value)
        check_fields(document, _FIELDS, "a label")
        label = document["label"]
        if isinstance(label, list) and (odd := [name for name in label if not isinstance(name, str)]):
            raise Refused(Reason.WRONG_TYPE, f"label: {short(odd[0])} among its classes; expected strings")
    except Refused as refused:
        return refused.diagnosis
    return Diagnosis(Reason.WRONG_TYPE, decoder_said)
