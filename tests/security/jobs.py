"""What each service asks of Kafka, by the same calls of the same clients, in a second instead of a minute."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from driftline.asking import ask_for_retraining
from driftline.kafka.acls import Service
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Client, Outgoing, Reader, TopicPartition
from driftline.spec.stream import StreamSpec

# A service that may do its work gets its partitions and the first record within a second or two of an idle machine.
PATIENCE = 30.0


def do(service: Service, spec: StreamSpec, endpoint: Endpoint) -> None:
    """Do all that `service` does with Kafka once, on topics that exist and hold a record each.

    Raises
    ------
    DriftlineError : something was not allowed.
    """
    client = connect(endpoint, exclusive=service == "monitor")
    try:
        client.ensure_topics(topic_requests(spec))
        _JOBS[service](client, spec)
    finally:
        client.close()


def _producer(client: Client, spec: StreamSpec) -> None:
    writer = client.writer()
    try:
        _send(writer.send, [spec.topics.features, spec.topics.labels])
        writer.commit(None, {})
    finally:
        writer.close()


def _consumer(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    _look(client, [topics.model_events])
    _work(client, spec, "consumer", [topics.features], [topics.predictions, topics.dead_letters])


def _monitor(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    _look(client, [topics.model_events])
    _look(client, [topics.monitor_state])
    _look(client, [topics.audit])
    read = [topics.features, topics.predictions, topics.labels]
    told = [topics.drift_events, topics.retraining_jobs, topics.labels_wanted, topics.monitor_state]
    _work(client, spec, "monitor", read, told)


def _trainer(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    _look(client, [topics.features, topics.labels])
    _work(client, spec, "trainer", [topics.retraining_jobs], [topics.model_events])


def _console(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    told = [topics.drift_events, topics.retraining_jobs, topics.model_events, topics.audit]
    _look(client, [topics.features, topics.predictions, topics.labels, topics.dead_letters, *told])
    writer = client.writer()
    try:
        _send(writer.send, [topics.retraining_jobs, topics.model_events, topics.audit])
        writer.commit(None, {})
    finally:
        writer.close()


def _alerts(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    _look(client, [topics.retraining_jobs])
    ask_for_retraining(spec, client, job_id="j", by="alert", reason="r", champion_version=1, labels=20, now_ms=1)


def _notifier(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    read = [topics.drift_events, topics.retraining_jobs, topics.model_events]
    _work(client, spec, "notifier", read, [topics.notifications])


def _operator(client: Client, spec: StreamSpec) -> None:
    topics = spec.topics
    client.tail([topics.features]).close()
    _look(client, [topics.drift_events, topics.retraining_jobs, topics.model_events])
    writer = client.writer()
    try:
        _send(writer.send, [topics.model_events, topics.retraining_jobs])
        writer.commit(None, {})
    finally:
        writer.close()


_JOBS: dict[Service, Callable[[Client, StreamSpec], None]] = {
    "producer": _producer,
    "consumer": _consumer,
    "monitor": _monitor,
    "trainer": _trainer,
    "console": _console,
    "alerts": _alerts,
    "notifier": _notifier,
    "operator": _operator,
}


def _work(client: Client, spec: StreamSpec, service: Service, read: Sequence[str], write: Sequence[str]) -> None:
    """As the service loop does: one group, one transaction over outputs and offsets."""
    with ExitStack() as stack:
        writer = stack.enter_context(closing(client.writer(f"{spec.stream}.{service}-0")))
        reader = stack.enter_context(
            closing(client.reader(f"{spec.stream}.{service}s", read, exclusive=service == "monitor"))
        )
        offsets = _first(reader, read)
        reader.committed()
        _send(writer.send, write)
        writer.commit(reader, offsets, "remark")


def _send(send: Callable[[Outgoing], None], topics: Sequence[str]) -> None:
    for topic in topics:
        send(Outgoing(topic, [b"{}"], [b"d1"], 0))


def _first(reader: Reader, topics: Sequence[str]) -> dict[TopicPartition, int]:
    """Read until there was a record of every topic; returns the offsets to commit."""
    seen: dict[TopicPartition, int] = {}
    deadline = time.monotonic() + PATIENCE
    while {topic for topic, _ in seen} != set(topics):
        assert time.monotonic() < deadline, f"nothing came, and no error either, but of {seen}"
        for batch in reader.poll(0.2, 100):
            seen[(batch.topic, batch.partition)] = batch.next_offset
    return seen


def _look(client: Client, topics: Sequence[str]) -> None:
    """As a follower or a trainer does: read topics outside any group."""
    tail = client.tail(topics)
    try:
        tail.ends()
        seen: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while seen != set(topics):
            assert time.monotonic() < deadline, f"nothing came, and no error either, but of {seen}"
            seen |= {batch.topic for batch in tail.poll(0.2)}
    finally:
        tail.close()
