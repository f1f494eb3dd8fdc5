"""What kafka-python would lose, and driftline's writer does not: each held on a real broker, one step at a time."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import TopicPartition as KafkaTopicPartition
from kafka.structs import ConsumerGroupMetadata

from driftline.kafka.connect import Endpoint
from driftline.kafka.interface import Fenced, KafkaFault, Outgoing, TopicRequest
from driftline.kafka.kafka_python import writer as writing
from driftline.kafka.kafka_python.client import KafkaPythonClient
from driftline.spec.sections import KafkaSpec
from tests.faults.broker.cluster import ProxiedKafka


@pytest.fixture(scope="module")
def cluster(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    cluster = ProxiedKafka(tmp_path_factory.mktemp("cluster"), ways=1)
    cluster.start()
    yield cluster
    cluster.close()


@pytest.fixture
def client(cluster: ProxiedKafka, fresh_name: str) -> Iterator[KafkaPythonClient]:
    """By way of the proxy; topics `fresh_name`.in with two partitions and `fresh_name`.out."""
    cluster.ways[0][0].open()
    client = KafkaPythonClient(Endpoint(cluster.by_way(0), KafkaSpec(), fresh_name))
    client.ensure_topics([TopicRequest(f"{fresh_name}.{end}", 2, 1, {}) for end in ("in", "out")])
    yield client
    client.close()


def joined(client: KafkaPythonClient, stream: str) -> Any:
    reader = client.reader(f"{stream}.group", [f"{stream}.in"])
    while len(reader.assignment()) < 2:
        reader.poll(0.1, 10)
    return reader


def committed_values(client: KafkaPythonClient, topic: str) -> list[bytes | None]:
    tail = client.tail([topic])
    ends, found = tail.ends(), []
    while any(tail.positions()[place] < end for place, end in ends.items()):
        for batch in tail.poll(0.2):
            found += batch.values
    tail.close()
    return found


def test_offsets_of_an_aborted_transaction_are_not_committed_with_the_next(
    client: KafkaPythonClient, fresh_name: str
) -> None:
    reader, writer = joined(client, fresh_name), client.writer(f"{fresh_name}.writer")
    first, second = (f"{fresh_name}.in", 0), (f"{fresh_name}.in", 1)
    right = reader.membership.metadata
    wrong = ConsumerGroupMetadata(
        right.group_id, right.generation_id + 1, right.member_id, group_instance_id=right.group_instance_id
    )
    reader.membership.metadata = wrong
    writer.send(Outgoing(f"{fresh_name}.out", [b"aborted"], partition=0))
    with pytest.raises(Fenced):
        writer.commit(reader, {first: 5})
    writer.abort()
    reader.membership.metadata = right
    writer.send(Outgoing(f"{fresh_name}.out", [b"kept"], partition=0))
    writer.commit(reader, {second: 3})
    # On a cluster that is minutes old the broker may answer for some milliseconds as if nothing was committed.
    deadline = time.monotonic() + 10
    while second not in (found := reader.committed()) and time.monotonic() < deadline:
        reader.poll(0.05, 10)
    assert found == {second: 3}
    assert committed_values(client, f"{fresh_name}.out") == [b"kept"]
    writer.close()
    reader.close()


@pytest.mark.timeout(60)
def test_the_lag_is_told_without_asking_a_broker_that_is_away(
    client: KafkaPythonClient, cluster: ProxiedKafka, fresh_name: str
) -> None:
    reader, writer, place = joined(client, fresh_name), client.writer(None), (f"{fresh_name}.in", 0)
    writer.send(Outgoing(place[0], [b"0", b"1", b"2"], partition=0))
    writer.commit(None, {})
    while place not in reader.lag():
        reader.poll(0.1, 1)
    line = cluster.ways[0][0]
    line.refuse()
    reader.consumer.seek_to_beginning(KafkaTopicPartition(*place))  # where that is, only a broker knows
    assert place not in reader.lag()
    line.open()
    writer.close()
    reader.close()


def test_a_transaction_outlasts_a_line_that_is_refused_for_a_moment(
    client: KafkaPythonClient, cluster: ProxiedKafka, fresh_name: str
) -> None:
    writer, line = client.writer(f"{fresh_name}.writer"), cluster.ways[0][0]
    writer.send(Outgoing(f"{fresh_name}.out", [b"first"], partition=0))
    writer.commit(None, {})
    for number in range(5):
        line.refuse()
        writer.send(Outgoing(f"{fresh_name}.out", [str(number).encode()], partition=0))
        back = threading.Timer(0.5, line.open)
        back.start()
        writer.commit(None, {})
        back.join()
    assert committed_values(client, f"{fresh_name}.out") == [b"first", b"0", b"1", b"2", b"3", b"4"]
    writer.close()


@pytest.mark.slow
def test_a_transaction_whose_outputs_expired_is_not_committed(
    client: KafkaPythonClient, cluster: ProxiedKafka, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "DELIVERY_TIMEOUT_MS", 3_000)
    monkeypatch.setattr(writing, "REQUEST_TIMEOUT_MS", 1_000)
    writer, line = client.writer(f"{fresh_name}.writer"), cluster.ways[0][0]
    writer.send(Outgoing(f"{fresh_name}.out", [b"before"], partition=0))
    writer.commit(None, {})
    line.hold()
    writer.send(Outgoing(f"{fresh_name}.out", [b"expired"], partition=0))
    back = threading.Timer(6, line.open)
    back.start()
    with pytest.raises(KafkaFault):
        writer.commit(None, {})
    back.join()
    writer.abort()
    writer.send(Outgoing(f"{fresh_name}.out", [b"after"], partition=0))
    writer.commit(None, {})
    assert committed_values(client, f"{fresh_name}.out") == [b"before", b"after"]
    writer.close()
