"""The records of the data path: what comes in, what is answered, what turned out to be true, what is refused.

The hot path writes and reads these through `driftline.wire`, in batches; the models here are the contract it is
tested against, and what everything off the hot path uses.
"""

from enum import StrEnum

from pydantic import Field

from driftline.records.base import Answer, DeviceId, EpochMs, Offset, Partition, Record, RecordId

Value = float | bool | str | None


class FeatureRecord(Record):
    """One measurement: the features of one device at one moment."""

    record_id: RecordId
    device_id: DeviceId
    event_time: EpochMs
    features: list[Value] | dict[str, Value] = Field(
        description="Values in the specification's order, or by name; null is a missing value."
    )


class Prediction(Record):
    """The answer to one feature record, traceable to its input and its model."""

    record_id: RecordId
    device_id: DeviceId
    event_time: EpochMs = Field(description="The feature record's own event time.")
    prediction: Answer
    confidence: float = Field(ge=0, le=1, description="Probability given to the answer.")
    probabilities: list[float] = Field(description="In the order of the specification's classes.")
    model_version: int = Field(ge=1)
    source_partition: Partition
    source_offset: Offset
    scored_at: EpochMs
    champion_sequence: int = Field(
        default=0,
        ge=0,
        description="Which change of champion put the version into service. It never falls along the offsets of a "
        "partition: up to one offset the former version answered, and from the next one on the new one.",
    )


class Label(Record):
    """What a record truly was; usually known long after it was answered."""

    record_id: RecordId
    device_id: DeviceId
    label: Answer
    labelled_at: EpochMs
    why: str | None = Field(
        default=None,
        max_length=64,
        description="Why just this record was labelled: the `why` of NAME.labels-wanted, given back. Null: for no "
        "reason that has to do with the answer. Those of 'uncertain' and 'unseen' train models and are not counted as "
        "accuracy.",
    )


class Reason(StrEnum):
    """Why a record could not be answered."""

    EMPTY_VALUE = "empty-value"
    TOO_LARGE = "too-large"
    NOT_UTF8 = "not-utf8"
    MALFORMED_JSON = "malformed-json"
    DUPLICATE_KEY = "duplicate-key"
    NOT_AN_OBJECT = "not-an-object"
    TOO_DEEP = "too-deep"
    MISSING_FIELD = "missing-field"
    WRONG_TYPE = "wrong-type"
    UNSUPPORTED_SCHEMA = "unsupported-schema-version"
    INVALID_ID = "invalid-id"
    WRONG_WIDTH = "wrong-width"
    UNKNOWN_FEATURE = "unknown-feature"
    MISSING_VALUE = "missing-value"
    NOT_FINITE = "not-finite"
    UNKNOWN_CATEGORY = "unknown-category"
    UNKNOWN_CLASS = "unknown-class"
    FUTURE_TIMESTAMP = "future-timestamp"
    STALE_TIMESTAMP = "stale-timestamp"


class DeadLetter(Record):
    """A record that could not be answered, with the reason; enough to find and to mend the original."""

    source_topic: str
    source_partition: Partition
    source_offset: Offset
    reason: Reason
    detail: str = Field(description="What was read and what is allowed, for a person.")
    payload_base64: str = Field(description="The first bytes of the refused value.")
    payload_bytes: int = Field(ge=0, description="How long the refused value was.")
    dead_at: EpochMs
