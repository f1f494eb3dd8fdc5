"""What one input column of a stream is: numeric, categorical or text."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Whatever a data file may call a column ('Air temperature [K]', 'Größe'), within 1 to 128 characters: no white space
# at either end, no control character, and neither '"' nor '\', which msgspec refuses in the name of a field.
NAME = r"""^[^\s"\\\x00-\x1f\x7f]([^"\\\x00-\x1f\x7f]{0,126}[^\s"\\\x00-\x1f\x7f])?$"""


class Strict(BaseModel):
    """Base of everything a person writes: frozen, and a misspelt field is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Feature(Strict):
    name: str = Field(pattern=NAME, description="Column name; unique within the stream.")
    required: bool = Field(
        default=False,
        description="If true, a record without this value (JSON null) becomes a dead letter; otherwise the "
        "value is imputed inside the model's graph.",
    )


class NumericFeature(_Feature):
    """A real number. The model sees float32; a value outside float32's range is refused as not finite."""

    type: Literal["numeric"] = "numeric"
    transform: Literal["none", "log", "cyclic"] = Field(
        default="none",
        description="What the graph does first: `log` is sign(x)·log(1 + |x|), for heavy tails; `cyclic` makes sine "
        "and cosine over `period`, for hours, days, angles.",
    )
    period: float | None = Field(
        default=None, gt=0, description="Length of the cycle, in the feature's own unit; required for `cyclic`."
    )
    clip: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        description="Outliers: values beyond this quantile of the training rows, at either end, are cut to it.",
    )

    @model_validator(mode="after")
    def _period_of_a_cycle(self) -> Self:
        if (self.transform == "cyclic") != (self.period is not None):
            raise ValueError("period: required for transform 'cyclic', and only there")
        if self.transform == "cyclic" and self.clip:
            raise ValueError(f"clip: read {self.clip:g}; allowed with transform 'cyclic': 0, a cycle has no ends")
        return self


class CategoricalFeature(_Feature):
    """One of a known set of strings (integers and booleans are taken by their JSON text)."""

    type: Literal["categorical"] = "categorical"
    categories: tuple[str, ...] = Field(
        min_length=1, description="The known categories, in the order of their codes (code 0 is 'unknown')."
    )
    unknown: Literal["dead-letter", "bucket"] = Field(
        default="dead-letter",
        description="What an unlisted category does: 'dead-letter' refuses the record with the reason, "
        "'bucket' scores it as unknown.",
    )


class TextFeature(_Feature):
    """Free text: lower-cased, stripped of ASCII punctuation, split on white space, embedded and pooled."""

    type: Literal["text"] = "text"
    max_tokens: int = Field(default=10_000, ge=100, le=1_000_000, description="Size of the vocabulary.")
    sequence_length: int = Field(default=32, ge=1, le=1024, description="Tokens kept of each text.")
    ngrams: int = Field(
        default=1,
        ge=1,
        le=2,
        description="2: pairs of neighbouring words are tokens too, after the single words; they count towards "
        "`max_tokens` and `sequence_length`.",
    )
    width: int = Field(default=32, ge=1, le=1024, description="Width of a token's embedding.")
    pooling: Literal["mean", "mean-and-max"] = Field(
        default="mean", description="How the tokens of a text become one vector; `mean-and-max` is twice as wide."
    )


Feature = Annotated[NumericFeature | CategoricalFeature | TextFeature, Field(discriminator="type")]
