"""Sharing a topic's partitions so that those which do not move are never let go of."""

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor


class SharingAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """`cooperative-sticky` (KIP-429), of which a member that was thrown out claims nothing when it comes back.

    The library's own keeps what it was last given, also after the group went on without it; its claim would then take
    a partition from the member that has it now.
    """

    def forget(self) -> None:
        """The group has gone on without this member: it owns nothing."""
        self.member_assignment = None
