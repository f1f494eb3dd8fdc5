"""Why a transactional producer was fenced: another process took its name, or its transaction took too long.

Kafka answers both in the same way, since it raises the producer's epoch in both cases (KIP-588). Only the coordinator's
own record of the transactional id tells them apart.
"""

import time
from typing import Any

from kafka.errors import KafkaError

from driftline.kafka.connect import NoCluster
from driftline.kafka.interface import KafkaFault
from driftline.kafka.kafka_python.connecting import open_admin

SECOND_LOOK = 2.0
"""Seconds between the two looks: a coordinator settles what was open in far less."""

ABORTED_BY_COORDINATOR = ("PrepareEpochFence", "PrepareAbort", "CompleteAbort")


def taken_over(common: dict[str, Any], transactional_id: str, producer_id: int, epoch: int) -> bool:
    """Whether another process has begun anew under this name, and this producer must not take the name back.

    A coordinator that gives up on a transaction raises the epoch by one and records an abort. A process that takes over
    raises it once more, or records another state; but on its way there it passes through the very state that a time-out
    leaves, for as long as the coordinator needs to abort what was open. So what looks like a time-out is looked at
    again.

    Parameters
    ----------
    producer_id, epoch : of the producer that was refused, while its transaction was open at the coordinator.
    """

    def own() -> bool:
        found = last_state(common, transactional_id)
        if found.producer_id != producer_id:
            return False
        aborted = found.producer_epoch == epoch + 1 and found.state.value in ABORTED_BY_COORDINATOR
        return bool(aborted or found.producer_epoch == epoch)

    if not own():
        return True
    time.sleep(SECOND_LOOK)
    return not own()


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
