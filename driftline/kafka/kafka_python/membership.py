"""What a member of a group was told last, and under which generation it may commit."""

from typing import Any

from kafka import ConsumerRebalanceListener
from kafka.structs import MemberState

from driftline.kafka.interface import Rebalance, TopicPartition
from driftline.kafka.kafka_python.cooperative import SharingAssignor


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes that partitions moved, and no more: it runs on the client's own thread. See `Membership.settle`."""

    def __init__(self, assignor: Any) -> None:
        self._assignor = assignor
        self.moved = False
        self.lost: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.moved = True

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.moved = True

    def on_partitions_lost(self, lost: Any) -> None:
        # The group worked on without this member: even a partition that comes straight back was another's meanwhile.
        self.moved = True
        self.lost |= {(p.topic, p.partition) for p in lost}
        if isinstance(self._assignor, SharingAssignor):
            self._assignor.forget()


class Membership:
    """The owner's view of its partitions, and the group metadata that goes with exactly this view.

    The client's own metadata runs ahead: it takes a new generation when the group answers a join, before the partitions
    that come with it are known. A commit under that generation would pass the broker's fence for a partition which is
    already another's. So the metadata is taken once a poll has ended in a stable group, together with the partitions
    that the owner is told; a commit in the middle of a rebalance goes under the old generation, which the broker
    accepts as long as no other member can own the partition, and refuses from then on.
    """

    def __init__(self, consumer: Any, listener: Listener, rebalance: Rebalance) -> None:
        self._consumer, self._listener, self._rebalance = consumer, listener, rebalance
        self._owned: frozenset[TopicPartition] = frozenset()
        self.metadata: Any = consumer.group_metadata()

    def settle(self) -> None:
        """After every poll, on the caller's thread: tells what moved and notes the generation it holds for."""
        metadata = self._consumer.group_metadata()
        if metadata.state is MemberState.STABLE:
            self.metadata = metadata
        if self._listener.moved:
            self._tell()

    @property
    def current(self) -> bool:
        """Whether the group, as far as this member has heard, is still the one that it was told of."""
        now = self._consumer.group_metadata()
        return bool(now.state is MemberState.STABLE and now == self.metadata)

    def _tell(self) -> None:
        """Tell the owner what really changed: a rebalance that gives back the same partitions loses no state."""
        self._listener.moved = False
        now = frozenset((p.topic, p.partition) for p in self._consumer.assignment())
        lost, self._listener.lost = self._listener.lost, set()
        gone = (self._owned - now) | (self._owned & lost)
        new = (now - self._owned) | (now & lost)
        self._owned = now
        if gone:
            self._rebalance.revoked(frozenset(gone))
        if new:
            self._rebalance.assigned(frozenset(new))
