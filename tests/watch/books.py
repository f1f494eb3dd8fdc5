"""Records of a small run, as its topics carry them."""

from driftline.kafka.interface import Batch
from driftline.records import DeadLetter, Label, Prediction, Reason
from tests.streams import NOW, batch, feature_record, numeric_stream

SPEC = numeric_stream()
TOPICS = SPEC.topics


def features(start: int, count: int = 1, partition: int = 0) -> Batch:
    return batch(
        [feature_record([0, 0, 0], f"r{i}") for i in range(start, start + count)], TOPICS.features, partition, start
    )


def prediction(place: int, answer: str = "ok", version: int = 1, record_id: str | None = None) -> Batch:
    made = Prediction(
        record_id=record_id or f"r{place}",
        device_id="d1",
        event_time=NOW,
        prediction=answer,
        confidence=0.9,
        probabilities=[0.9, 0.05, 0.05],
        model_version=version,
        source_partition=0,
        source_offset=place,
        scored_at=NOW,
    )
    return batch([made.to_json()], TOPICS.predictions)


def label(place: int, truth: str = "ok") -> Batch:
    made = Label(record_id=f"r{place}", device_id="d1", label=truth, labelled_at=NOW)
    return batch([made.to_json()], TOPICS.labels)


def letter(place: int, reason: Reason = Reason.MALFORMED_JSON) -> Batch:
    made = DeadLetter(
        source_topic=TOPICS.features,
        source_partition=0,
        source_offset=place,
        reason=reason,
        detail="",
        payload_base64="",
        payload_bytes=0,
        dead_at=NOW,
    )
    return batch([made.to_json()], TOPICS.dead_letters)
