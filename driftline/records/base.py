"""What all records have in common: frozen, versioned, lenient about fields that a newer writer added."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Literal[1] = 1

RecordId = Annotated[
    str, Field(min_length=1, max_length=128, description="Unique within the stream; chosen by the producer.")
]
DeviceId = Annotated[
    str,
    Field(min_length=1, max_length=128, description="What measured it; the Kafka key, so one device keeps its order."),
]
EpochMs = Annotated[int, Field(description="Milliseconds since 1970-01-01 UTC.")]
Partition = Annotated[int, Field(ge=0)]
Offset = Annotated[int, Field(ge=0)]
Answer = Annotated[
    str | list[str], Field(description="A class; for a multilabel stream, the list of classes that hold.")
]


class Record(BaseModel):
    """A value on one of the stream's topics.

    Fields that this version does not know are ignored, so that a consumer survives a producer that is one
    version ahead; a `schema_version` that it does not know is refused.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    schema_version: Literal[1] = SCHEMA_VERSION

    def to_json(self) -> bytes:
        """The value as it stands on the wire."""
        return self.model_dump_json().encode()

    @classmethod
    def from_json(cls, value: bytes | bytearray | str) -> Self:
        """Read a value from the wire. Raises pydantic.ValidationError."""
        return cls.model_validate_json(value)
