"""A small stream by hand: its specification, its references, and batches as Kafka would deliver them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.model.columns import Columns
from driftline.records import DriftEvent, RetrainingJob
from driftline.registry import Reference, describe_features
from driftline.service.core import Step
from driftline.spec import StreamSpec, parse_spec
from driftline.wire.predictions import encode_predictions

EPOCH = 1_700_000_000_000
STEP_MS = 100
CLASSES = ("a", "b", "c")


def make_spec(features: Sequence[dict[str, Any]] | None = None, **changes: Any) -> StreamSpec:
    document = {
        "stream": "tests",
        "classes": list(CLASSES),
        "features": list(features or [{"name": f"f{i}", "type": "numeric"} for i in range(4)]),
    }
    return parse_spec({**document, **changes})


def numeric_columns(matrix: NDArray[Any]) -> Columns:
    n = len(matrix)
    return Columns(matrix.astype(np.float32), np.empty((n, 0), object), np.empty((n, 0), object))


def make_reference(
    spec: StreamSpec, columns: Columns, error_rate: float = 0.1, held_out_rows: int = 200, **changes: Any
) -> Reference:
    classes = len(spec.classes)
    values: dict[str, Any] = {
        "rows": len(columns),
        "features": describe_features(spec, columns),
        "prediction_counts": (held_out_rows // classes,) * classes,
        "confidence_counts": (held_out_rows // 10,) * 10,
        "error_rate": error_rate,
        "held_out_rows": held_out_rows,
    }
    return Reference(**{**values, **changes})


class Broker:
    """Gives offsets to records and remembers what was delivered, so that it can be delivered again."""

    def __init__(self, spec: StreamSpec, partitions: int = 2) -> None:
        self.topics = spec.topics
        self.classes = spec.classes
        self.partitions = partitions
        self._ends: dict[TopicPartition, int] = {}
        self._feature_offset: dict[int, int] = {}

    def everything(self) -> frozenset[TopicPartition]:
        names = (self.topics.features, self.topics.predictions, self.topics.labels)
        return frozenset((name, p) for name in names for p in range(self.partitions))

    def features(self, rows: Sequence[int], matrix: NDArray[Any]) -> list[Batch]:
        return self._batches(
            self.topics.features,
            rows,
            [
                json.dumps(
                    {
                        "record_id": f"r{row}",
                        "device_id": f"d{row % self.partitions}",
                        "event_time": EPOCH + row * STEP_MS,
                        "features": values,
                    }
                ).encode()
                for row, values in zip(rows, matrix.tolist(), strict=True)
            ],
        )

    def predictions(
        self,
        rows: Sequence[int],
        answers: Sequence[Any],
        version: int = 1,
        probabilities: NDArray[np.float32] | None = None,
    ) -> list[Batch]:
        n = len(rows)
        proba = np.full((n, len(self.classes)), 1 / len(self.classes), np.float32)
        proba = proba if probabilities is None else probabilities
        places = [self._place(row) for row in rows]
        values = []
        for i, row in enumerate(rows):
            values += encode_predictions(
                [f"r{row}"],
                [f"d{row % self.partitions}"],
                np.array([EPOCH + row * STEP_MS]),
                [answers[i]],
                proba[i].max(keepdims=True),
                proba[i : i + 1],
                version,
                np.array([row % self.partitions]),
                np.array([places[i]]),
                EPOCH + row * STEP_MS + 5,
            )
        return self._batches(self.topics.predictions, rows, values)

    def labels(self, rows: Sequence[int], labels: Sequence[Any], lag_ms: int = 1_000) -> list[Batch]:
        return self._batches(
            self.topics.labels,
            rows,
            [
                json.dumps(
                    {
                        "record_id": f"r{row}",
                        "device_id": f"d{row % self.partitions}",
                        "label": label,
                        "labelled_at": EPOCH + row * STEP_MS + 5 + lag_ms,
                    }
                ).encode()
                for row, label in zip(rows, labels, strict=True)
            ],
        )

    def _place(self, row: int) -> int:
        """A prediction's source offset: records are numbered in the order in which they are answered."""
        partition = row % self.partitions
        offset = self._feature_offset.get(partition, 0)
        self._feature_offset[partition] = offset + 1
        return offset

    def _batches(self, topic: str, rows: Sequence[int], values: Sequence[bytes]) -> list[Batch]:
        batches = []
        for partition in range(self.partitions):
            chosen = [value for row, value in zip(rows, values, strict=True) if row % self.partitions == partition]
            if chosen:
                start = self._ends.get((topic, partition), 0)
                end = self._ends[(topic, partition)] = start + len(chosen)
                n = len(chosen)
                batches.append(Batch(topic, partition, range(start, end), [0] * n, [None] * n, chosen))
        return batches


def events_of(step: Step) -> list[DriftEvent]:
    return [DriftEvent.from_json(value) for value in _values(step.outputs, ".drift-events")]


def jobs_of(step: Step) -> list[RetrainingJob]:
    return [RetrainingJob.from_json(value) for value in _values(step.outputs, ".retraining-jobs")]


def after(stored: Mapping[str, bytes], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """What is stored once a snapshot's parts were written."""
    whole = {**stored, **changed}
    return {name: part for name, part in whole.items() if part is not None}


def _values(outputs: Sequence[Outgoing], ending: str) -> list[bytes]:
    return [value for out in outputs if out.topic.endswith(ending) for value in out.values if value is not None]
