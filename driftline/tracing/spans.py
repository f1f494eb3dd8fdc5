"""A span, as the rooms tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from driftline.tracing.context import Context

Kind = Literal["internal", "producer", "consumer"]


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was done for one record, or for one drift.

    Attributes
    ----------
    parent : the span that caused it, here or in another process.
    start, end : epoch ns.
    links : other traces that belong to it.
    """

    name: str
    context: Context
    parent: Context | None
    start: int
    end: int
    kind: Kind = "internal"
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    links: tuple[Context, ...] = ()


class Spans(Protocol):
    """Where spans go."""

    def take(self, spans: list[Span]) -> None:
        """Hand over finished spans; never waits and never fails. What cannot be kept is dropped."""
