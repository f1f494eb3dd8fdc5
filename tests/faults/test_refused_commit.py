"""Offsets of a commit that the group refused never come back with a later one.

Found by the fault harness: kafka-python 3.0.12 keeps the offsets of a refused `TxnOffsetCommit` and sends them with the
next transaction, whose outputs are others. A consumer that was frozen beyond its session lost a batch by it.
"""

import time

import pytest

from driftline.kafka.connect import Endpoint, connect
from driftline.kafka.interface import Client, Fenced, Outgoing, Reader, TopicRequest
from driftline.spec.sections import KafkaSpec
from tests.kafka.apache import ApacheKafka


@pytest.fixture(params=["kafka-python", "confluent-kafka"])
def client(request: pytest.FixtureRequest, apache_kafka: ApacheKafka) -> Client:
    return connect(Endpoint(apache_kafka.bootstrap, KafkaSpec(client=request.param), "refused"))


def joined(client: Client, group: str, topic: str) -> Reader:
    """A member that owns both partitions."""
    reader = client.reader(group, [topic])
    deadline = time.monotonic() + 60
    while len(reader.assignment()) < 2:
        assert time.monotonic() < deadline
        reader.poll(0.1, 10)
    return reader


@pytest.mark.faults
def test_it_is_forgotten_with_its_transaction(client: Client, fresh_name: str) -> None:
    client.ensure_topics([TopicRequest(fresh_name, 2, 1, {})])
    gone = joined(client, fresh_name, fresh_name)
    gone.close()
    writer = client.writer(fresh_name)
    writer.send(Outgoing(fresh_name, [b"a"], partition=0))
    with pytest.raises(Fenced):
        writer.commit(gone, {(fresh_name, 0): 100})
    writer.abort()
    here = joined(client, fresh_name, fresh_name)
    writer.send(Outgoing(fresh_name, [b"b"], partition=1))
    writer.commit(here, {(fresh_name, 1): 5})
    committed = here.committed()
    here.close()
    writer.close()
    client.close()
    assert committed == {(fresh_name, 1): 5}
