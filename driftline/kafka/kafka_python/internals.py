"""The few places where kafka-python's public interface does not reach; every private name we lean on is here.

Each is held by a test in `tests/kafka`, so a release of the library that moves one of them is noticed there.
"""

from collections.abc import Callable, Iterable
from typing import Any

from kafka.errors import FencedInstanceIdError, KafkaConnectionError, KafkaTimeoutError


def fetch_committed(consumer: Any, partitions: Iterable[Any], timeout_ms: int) -> dict[Any, Any]:
    """Committed offsets with their metadata, in one request; the public call asks for one partition at a time.

    The request is made with `require_stable`, because the consumer reads committed records only: while a transaction
    that carries offsets is undecided, it waits for the outcome (KIP-447). Raises KafkaTimeoutError.
    """
    wanted = set(partitions)
    if not wanted:
        return {}
    found: dict[Any, Any] = consumer._coordinator.fetch_committed_offsets(wanted, timeout_ms=timeout_ms)
    return found


def position(consumer: Any, partition: Any) -> int | None:
    """Where a partition is read next, from memory; None while that is not settled.

    The public call asks the brokers when a leader has changed, and raises when they are away.
    """
    state = consumer._subscription.assignment.get(partition)
    return None if state is None or state.position is None else int(state.position.offset)


def leave_on_close(consumer: Any) -> None:
    """Let a static member leave its group when it closes. The library, like the Java client, would only be silent."""
    consumer._coordinator.is_dynamic_member = lambda: True


def on_replaced(consumer: Any, tell: Callable[[Exception], None]) -> None:
    """Call `tell` when a heartbeat says that another process has taken this static member's name.

    The library stops its heartbeats then and says nothing; a member without records to commit would never know.
    """
    coordinator = consumer._coordinator
    heartbeat = coordinator._send_heartbeat_request

    async def send() -> Any:
        try:
            return await heartbeat()
        except FencedInstanceIdError as error:
            tell(error)
            raise

    coordinator._send_heartbeat_request = send


def keep_joins(consumer: Any) -> None:
    """Let a join that ends between two polls count.

    kafka-python 3.0.12 looks at a join under way only while a poll waits for it; one that ended in between is thrown
    away and begun anew, which throws every other member back too, and a group of three that is polled in turns never
    comes to rest. So the answer is kept, and handed over when the library asks for the same generation again.

    A join that was begun because the topic's metadata had changed may even be forgotten: once it has ended, the library
    finds no reason to join any more, never takes up the assignment, and sends no heartbeats. So a join under way is
    itself a reason.
    """
    coordinator = consumer._coordinator
    join, complete = coordinator._do_join_and_sync_async, coordinator._on_join_complete_async
    kept: list[tuple[Any, Any]] = []

    async def join_once() -> Any:
        for generation, assignment in kept:
            if generation is coordinator._generation:
                return assignment
        kept.clear()
        coordinator.request_rejoin()
        assignment = await join()
        kept.append((coordinator._generation, assignment))
        return assignment

    async def complete_once(*arguments: Any) -> None:
        kept.clear()
        await complete(*arguments)

    coordinator._do_join_and_sync_async = join_once
    coordinator._on_join_complete_async = complete_once


def keep_requests(producer: Any) -> None:
    """Let a transactional request outlast a coordinator that cannot be reached for a moment.

    kafka-python 3.0.12 asks again where its client says that a node is not ready; but the client raises instead, and
    the request is dropped: the transaction then waits for an answer to a question that was never asked.
    """
    client = producer._sender._client
    await_ready = client.await_ready

    def ready(node_id: Any, timeout_ms: float = 30_000) -> bool:
        try:
            return bool(await_ready(node_id, timeout_ms))
        except KafkaConnectionError:
            return False

    client.await_ready = ready


def send_offsets(producer: Any, offsets: Any, membership: Any, timeout_ms: int) -> None:
    """`send_offsets_to_transaction` that ends in time. Raises KafkaTimeoutError.

    kafka-python 3.0.12 keeps the offsets of an aborted transaction and commits them with the next one: records whose
    answers were aborted would never be read again. So what is left of them is dropped first.
    """
    manager = producer._transaction_manager
    manager._pending_txn_offset_commits.clear()
    _finish(producer, manager.send_offsets_to_transaction(offsets, membership), timeout_ms)


def commit_transaction(producer: Any, timeout_ms: int) -> None:
    """`commit_transaction` that ends in time. Raises KafkaTimeoutError: the outcome is then unknown."""
    _finish(producer, producer._transaction_manager.begin_commit(), timeout_ms)


def abort_transaction(producer: Any, timeout_ms: int) -> None:
    """`abort_transaction` that ends in time. Raises KafkaTimeoutError."""
    _finish(producer, producer._transaction_manager.begin_abort(), timeout_ms)


def last_error(producer: Any) -> BaseException | None:
    """What put the producer into an error state; the exceptions it raises afterwards only say that it is in one."""
    error: BaseException | None = producer._transaction_manager.last_error
    return error


def producer_identity(producer: Any) -> tuple[int, int, bool]:
    """Producer id, epoch, and whether the coordinator knows of an open transaction of this producer."""
    manager = producer._transaction_manager
    identity = manager.producer_id_and_epoch
    return identity.producer_id, identity.epoch, bool(manager._transaction_started)


def _finish(producer: Any, result: Any, timeout_ms: int) -> None:
    producer._sender.wakeup()
    if not result.wait(timeout_ms):
        raise KafkaTimeoutError(f"no answer from the coordinator in {timeout_ms / 1000:g} s")
