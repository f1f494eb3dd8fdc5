"""A record whose truth the monitor asks for."""

from typing import Literal

from pydantic import Field

from driftline.records.base import Answer, DeviceId, EpochMs, Offset, Partition, Record, RecordId

Why = Literal["uncertain", "unseen", "drift", "random"]
BIASED: frozenset[str] = frozenset({"uncertain", "unseen"})
"""Reasons that depend on the answer or the features: labels asked for so do not say how often the model is right."""


class LabelWanted(Record):
    """Please say what this record truly was: a label on NAME.labels with the same `record_id` and `why`."""

    record_id: RecordId
    device_id: DeviceId
    event_time: EpochMs = Field(description="The feature record's own event time.")
    answer: Answer = Field(description="What the model said; a labeller may rather not see it.")
    confidence: float = Field(ge=0, le=1)
    margin: float = Field(ge=0, le=1, description="How far the two likeliest answers are apart.")
    why: Why = Field(
        description="'uncertain': the likeliest answers lie close together. 'unseen': features far outside of what the "
        "model was trained on. 'drift': drawn blindly while a drift stands. 'random': drawn blindly."
    )
    model_version: int = Field(ge=1)
    source_partition: Partition
    source_offset: Offset
    wanted_at: EpochMs
