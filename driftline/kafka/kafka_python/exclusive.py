"""A partition assignment that gives everything to one member and lets the others stand by."""

from typing import Any

from kafka.coordinator.assignors.abstract import (
    AbstractPartitionAssignor,
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)


class ExclusiveAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
    """All partitions to the member whose id sorts first.

    The monitor pools the evidence of every partition, because a detector that sees a quarter of the outcomes needs
    four times as long; so one member works and the rest are hot stand-bys. Member ids begin with the client id, so
    the choice is stable: monitor-0 before monitor-1.
    """

    name = "driftline-exclusive"
    version = 0

    @classmethod
    def assign(cls, cluster: Any, members: Any) -> dict[str, Any]:
        chosen = min(member.member_id for member in members)
        assignment = {}
        for member in members:
            topics = sorted(member.metadata.topics) if member.member_id == chosen else []
            partitions = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
            assignment[member.member_id] = ConsumerProtocolAssignment(cls.version, partitions, b"")
        return assignment

    @classmethod
    def metadata(cls, topics: Any) -> Any:
        return ConsumerProtocolSubscription(cls.version, list(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: Any, generation: Any) -> None:
        """Nothing is remembered between assignments."""
