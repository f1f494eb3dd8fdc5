"""What a drift event carries for a plot: bounded in size, and made only when the event is told."""

from pydantic import Field

from driftline.records.base import EpochMs, Record


class Histogram(Record):
    """How the records of one variable are spread over its bins: in the reference, and now.

    `reference` and `current` are shares of all records, one of each for each bin.
    """

    bins: list[str] = Field(description="What each bin holds, for a person, e.g. '0.31 to 0.94', 'north', 'missing'.")
    reference: list[float] = Field(description="Share of the reference's records.")
    current: list[float] = Field(description="Share of the records now.")


class Course(Record):
    """How many answers were right around the onset, stretch by stretch; one stretch begins at the onset itself."""

    times: list[EpochMs] = Field(description="Event time of the first record of each stretch.")
    records: list[int] = Field(description="Labelled records of each stretch.")
    right: list[float] = Field(description="Share of right answers in each stretch.")
