"""What librdkafka's errors mean to us."""

from confluent_kafka import KafkaError, KafkaException

from driftline.kafka.interface import Fenced, KafkaFault, Replaced

# The group has gone on without this member.
LOST_MEMBERSHIP = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._ASSIGNMENT_LOST,
    }
)

# Somebody has raised the producer's epoch: another process, or the coordinator after a time-out.
FENCED_PRODUCER = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})


def detail(error: KafkaException) -> KafkaError:
    """The error inside an exception of the library."""
    found: KafkaError = error.args[0]
    return found


def group_fault(failure: str, error: KafkaError) -> KafkaFault:
    """The fault of a group member; `failure` says what could not be done."""
    if error.code() == KafkaError.FENCED_INSTANCE_ID:
        return Replaced(f"another process has joined the group under this name: {error.str()}")
    if error.code() in LOST_MEMBERSHIP:
        return Fenced(f"the group has moved on: {error.str()}")
    return KafkaFault(f"{failure}: {error.str()}")
