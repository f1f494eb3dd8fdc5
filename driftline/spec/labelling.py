"""Which labels the monitor asks for by itself."""

from typing import Self

from pydantic import Field, model_validator

from driftline.spec.features import Strict


class LabelsWantedSpec(Strict):
    """Asking for labels where they are dear: some records of every so many, on NAME.labels-wanted."""

    count: int = Field(
        default=0, ge=0, le=10_000, description="Labels asked for in each round of `every_records` answers; 0: none."
    )
    every_records: int = Field(
        default=1_000, ge=50, le=1_000_000, description="Answers of the version in service that make a round."
    )
    random_share: float = Field(
        default=0.8,
        ge=0.1,
        le=1,
        description="Share of them that is drawn blindly: only these say how often the model is right.",
    )

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> Self:
        if self.count > self.every_records:
            raise ValueError(
                f"count: read {self.count}; at most every_records ({self.every_records}) can be asked for in a round"
            )
        return self
