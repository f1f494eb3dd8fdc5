"""Why a transactional producer was fenced: another process took its name, or its transaction took too long.

Kafka answers both in the same way, since it raises the producer's epoch in both cases (KIP-588). Only the coordinator's
own record of the transactional id tells them apart.
"""

from typing import Any

from kafka.errors import KafkaError

from driftline.kafka.connect import NoCluster
from driftline.kafka.interface import KafkaFault
from driftline.kafka.kafka_python.connecting import open_admin

ABORTED_BY_COORDINATOR = ("PrepareEpochFence", "PrepareAbort", "CompleteAbort")


def timed_out(common: dict[str, Any], transactional_id: str, producer_id: int, epoch: int) -> bool:
    """Whether the coordinator aborted the transaction of this very producer, and nobody has begun anew since.

    A coordinator that gives up on a transaction raises the epoch by one and records an abort. A process that takes over
    raises it once more, or records another state.

    Parameters
    ----------
    producer_id, epoch : of the fenced producer, while its transaction was open at the coordinator.
    """
    found = last_state(common, transactional_id)
    return bool(
        found.producer_id == producer_id
        and found.producer_epoch == epoch + 1
        and found.state.value in ABORTED_BY_COORDINATOR
    )


def last_state(common: dict[str, Any], transactional_id: str) -> Any:
    """The coordinator's record: state, producer id, epoch. Asking needs no right that a producer of the id lacks."""
    try:
        admin = open_admin(**common)
        try:
            return admin.describe_transactions([transactional_id])[transactional_id]
        finally:
            admin.close()
    except (KafkaError, NoCluster) as error:
        raise KafkaFault(f"transactional id {transactional_id} cannot be looked up: {error}") from error
