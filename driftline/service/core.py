"""What the service loop asks of a room: the shape of a core."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from driftline.kafka.interface import Batch, Outgoing, TopicPartition


@dataclass(frozen=True, slots=True)
class Step:
    """What a core made of some records.

    Attributes
    ----------
    outputs : what to send, in order.
    busy : true while the records just given are not done yet (a training under way). The loop then fetches
        nothing more, stays in its group, calls `tick` and commits once a step comes back that is not busy.
    remark : a short text committed with the offsets, for whoever owns the partitions next (see `Hooks.remarked`).
    """

    outputs: list[Outgoing] = field(default_factory=list)
    busy: bool = False
    remark: str = ""


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


@runtime_checkable
class Stateful(Core, Protocol):
    """A core whose state must outlive its process. The loop commits it with the offsets it was made of.

    The state is a set of named parts, so that what did not change is not written again. After a kill, when another
    member takes over and after an aborted round the loop restores the last committed state and reads on from the
    offsets that belong to it: no record is shown twice to a state that has counted it, and none is skipped.
    """

    def snapshot(self) -> Mapping[str, bytes | None]:
        """The parts that changed since the last `snapshot` or `restore`; None for one that is gone."""

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Become what these parts say, whatever this core was before; without parts, start afresh.

        Raises
        ------
        DriftlineError : they cannot be read.
        """

    def account(self) -> Mapping[str, int]:
        """Totals of what was counted so far, written with every checkpoint for people and checkers to read."""
