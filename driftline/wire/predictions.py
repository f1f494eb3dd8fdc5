"""Predictions: from a scored batch to wire bytes, and back into columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from driftline.kafka.interface import Batch
from driftline.wire.json_text import OWN_FIELDS, exact, parse, plain
from driftline.wire.rejects import Refused

Answer = str | list[str]
_FAR = 2**62
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Time = Annotated[int, msgspec.Meta(ge=-_FAR, le=_FAR)]
_Place = Annotated[int, msgspec.Meta(ge=0, le=_FAR)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Prediction(msgspec.Struct, gc=False):
    """Field for field `driftline.records.Prediction`, which the tests hold it to."""

    schema_version: int
    record_id: str
    device_id: str
    event_time: int
    prediction: Answer
    confidence: float
    probabilities: list[float]
    model_version: int
    source_partition: int
    source_offset: int
    scored_at: int
    champion_sequence: int = 0


class _Read(msgspec.Struct, gc=False):
    """The same as it is read, with the contract's bounds; numbers beyond 62 bits are none of driftline's."""

    record_id: _Id
    device_id: _Id
    event_time: _Time
    prediction: Answer
    confidence: _Share
    probabilities: list[_Share]
    model_version: Annotated[int, msgspec.Meta(ge=1, le=_FAR)]
    source_partition: _Place
    source_offset: _Place
    scored_at: _Time
    champion_sequence: _Place | msgspec.UnsetType = UNSET
    schema_version: int | msgspec.UnsetType = UNSET


_OWN = tuple(dict.fromkeys((*OWN_FIELDS, *_Read.__struct_fields__)))
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Read).decode


def encode_predictions(
    record_ids: Sequence[str],
    device_ids: Sequence[str],
    event_times: NDArray[np.int64],
    answers: Sequence[Answer],
    confidences: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    model_version: int,
    partitions: NDArray[np.int64],
    offsets: NDArray[np.int64],
    scored_at: int,
    champion_sequence: int = 0,
) -> list[bytes]:
    """Wire bytes of n predictions; all columns have length n, `probabilities` is [n, K].

    Probabilities are rounded to 6 decimals: float32 holds no more, and the shortest text halves the record.
    """
    rows = zip(
        record_ids,
        device_ids,
        event_times.tolist(),
        answers,
        np.round(confidences.astype(np.float64), 6).tolist(),
        np.round(probabilities.astype(np.float64), 6).tolist(),
        partitions.tolist(),
        offsets.tolist(),
        strict=True,
    )
    return [
        _encode(
            _Prediction(
                1,
                rid,
                device,
                time,
                answer,
                sure,
                proba,
                model_version,
                partition,
                offset,
                scored_at,
                champion_sequence,
            )
        )
        for rid, device, time, answer, sure, proba, partition, offset in rows
    ]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Columns of n predictions."""

    record_ids: list[str]
    device_ids: list[str]
    event_times: NDArray[np.int64]
    answers: list[Answer]
    confidences: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    """[n, K]"""
    model_versions: NDArray[np.int64]
    source_partitions: NDArray[np.int64]
    source_offsets: NDArray[np.int64]
    scored_at: NDArray[np.int64]
    malformed: int
    """Values that were not predictions; only driftline writes this topic, so more than none is worth an alarm."""

    def __len__(self) -> int:
        return len(self.record_ids)


def decode_predictions(batches: Sequence[Batch], classes: int) -> Predictions:
    """Decode batches of NAME.predictions; `classes` is K."""
    rows: list[_Read] = []
    malformed = 0
    for batch in batches:
        for value in batch.values:
            try:
                row = _decode(value or b"")
                if not (_fits(row, classes) and _sound(value or b"", row)):
                    raise msgspec.ValidationError
            except (msgspec.MsgspecError, RecursionError, UnicodeError, Refused):
                malformed += 1
                continue
            rows.append(row)
    return Predictions(
        record_ids=[r.record_id for r in rows],
        device_ids=[r.device_id for r in rows],
        event_times=np.array([r.event_time for r in rows], dtype=np.int64),
        answers=[r.prediction for r in rows],
        confidences=np.array([r.confidence for r in rows], dtype=np.float32),
        probabilities=np.array([r.probabilities for r in rows], dtype=np.float32).reshape(len(rows), classes),
        model_versions=np.array([r.model_version for r in rows], dtype=np.int64),
        source_partitions=np.array([r.source_partition for r in rows], dtype=np.int64),
        source_offsets=np.array([r.source_offset for r in rows], dtype=np.int64),
        scored_at=np.array([r.scored_at for r in rows], dtype=np.int64),
        malformed=malformed,
    )


def _fits(row: _Read, classes: int) -> bool:
    several = isinstance(row.prediction, list) and len(row.prediction) > classes
    return len(row.probabilities) == classes and row.schema_version in (UNSET, 1) and not several


def _sound(value: bytes, row: _Read) -> bool:
    """Whether nothing stands in what was passed over that makes it two things at once. Raises Refused."""
    keys = 10 + (row.schema_version is not UNSET) + (row.champion_sequence is not UNSET)
    strings = (row.record_id, row.device_id)
    return exact(value, keys, strings) or plain(value, _OWN) or parse(value, own=_OWN) is not None
