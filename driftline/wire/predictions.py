"""Predictions: from a scored batch to wire bytes, and back into columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.kafka.interface import Batch

Answer = str | list[str]


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


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Prediction).decode


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
        _encode(_Prediction(1, rid, device, time, answer, sure, proba, model_version, partition, offset, scored_at))
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
    rows: list[_Prediction] = []
    malformed = 0
    for batch in batches:
        for value in batch.values:
            try:
                row = _decode(value or b"")
            except (msgspec.MsgspecError, UnicodeError):
                malformed += 1
                continue
            if len(row.probabilities) == classes and row.schema_version == 1:
                rows.append(row)
            else:
                malformed += 1
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
