"""What could not be read: where it stood, what it was, and why."""

from dataclasses import dataclass

from driftline.kafka.interface import Batch
from driftline.records.data import Reason


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a value is refused, for a program and for a person."""

    reason: Reason
    detail: str


class Refused(Exception):
    """Raised inside the wire's second look, where the first thing wrong with a value is found."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.diagnosis = Diagnosis(reason, detail)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be used."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: Reason
    detail: str


def reject(batch: Batch, index: int, diagnosis: Diagnosis) -> Reject:
    """Record `index` of `batch`, refused."""
    return Reject(
        batch.topic,
        batch.partition,
        batch.offsets[index],
        batch.keys[index],
        batch.values[index],
        diagnosis.reason,
        diagnosis.detail,
    )
