"""What the service loop asks of a room: the shape of a core."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftline.kafka.interface import Batch, Outgoing, TopicPartition


@dataclass(frozen=True, slots=True)
class Step:
    """What a core made of some records.

    Attributes
    ----------
    outputs : what to send, in order.
    busy : true while the records just given are not done yet (a training under way). The loop then fetches
        nothing more, stays in its group, calls `tick` and commits once a step comes back that is not busy.
    """

    outputs: list[Outgoing] = field(default_factory=list)
    busy: bool = False


class Core(Protocol):
    """A room's state machine, as the service loop drives it: always from one thread, with the time as an argument."""

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        """Take records (of any of the core's input topics), give outputs. All of it commits together or not at all."""

    def tick(self, now_ms: int) -> Step:
        """Time has passed: called between batches and when the stream is silent."""

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These topic partitions are now this member's."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """These are no longer; whatever was remembered of them belongs to another member."""
