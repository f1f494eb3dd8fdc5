"""What is next does not exist: a first start, retention, a topic that was made again."""

import pytest
from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaTopicPartition

from driftline.kafka.interface import Client, TopicRequest
from tests.kafka.apache import ApacheKafka
from tests.kafka.conftest import Connect
from tests.kafka.polling import collect, ends, produce, until


@pytest.fixture
def client(on_apache: Connect) -> Client:
    return on_apache()


@pytest.fixture
def topic(client: Client, fresh_name: str) -> str:
    client.ensure_topics([TopicRequest(fresh_name, 1, 1, {})])
    return fresh_name


def remove_before(cluster: ApacheKafka, topic: str, offset: int) -> None:
    """What retention does when its time has come."""
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    admin.delete_records({KafkaTopicPartition(topic, 0): offset})
    admin.close()


def test_a_first_start_reads_the_oldest_record_and_has_skipped_none(
    client: Client, topic: str, fresh_name: str, apache_kafka: ApacheKafka
) -> None:
    produce(client, topic, 50)
    remove_before(apache_kafka, topic, 20)
    reader = client.reader(f"g-{fresh_name}", [topic])
    assert [offset for _, offset, *_ in collect(reader, 30)] == list(range(20, 50))
    assert reader.skipped() == {}
    reader.close()


def test_records_that_retention_took_are_counted_once_and_reading_goes_on(
    client: Client, topic: str, fresh_name: str, apache_kafka: ApacheKafka
) -> None:
    produce(client, topic, 50)
    reader = client.reader(f"g-{fresh_name}", [topic])
    assert until(lambda: bool(reader.assignment()), lambda: reader.poll(0.1, 10))
    reader.commit({(topic, 0): 10})
    reader.close()
    remove_before(apache_kafka, topic, 35)
    again = client.reader(f"g-{fresh_name}", [topic])
    assert [offset for _, offset, *_ in collect(again, 15)] == list(range(35, 50))
    assert again.skipped() == {(topic, 0): 25}
    assert again.skipped() == {}
    again.close()


def test_a_rewind_into_a_gap_counts_it_too(
    client: Client, topic: str, fresh_name: str, apache_kafka: ApacheKafka
) -> None:
    produce(client, topic, 50)
    reader = client.reader(f"g-{fresh_name}", [topic])
    assert len(collect(reader, 50)) == 50
    reader.commit({(topic, 0): 5})
    remove_before(apache_kafka, topic, 45)
    reader.rewind()
    assert [offset for _, offset, *_ in collect(reader, 5)] == list(range(45, 50))
    assert reader.skipped() == {(topic, 0): 40}
    reader.close()


def test_a_topic_that_was_deleted_and_made_again_is_read_from_its_first_record(
    client: Client, topic: str, fresh_name: str, apache_kafka: ApacheKafka
) -> None:
    produce(client, topic, 50)
    reader = client.reader(f"g-{fresh_name}", [topic])
    found = collect(reader, 50)
    reader.commit(ends(topic, found))
    reader.close()
    admin = KafkaAdminClient(bootstrap_servers=apache_kafka.bootstrap)
    admin.delete_topics([topic])

    def gone() -> bool:
        return all(known["name"] != topic or known["error_code"] for known in admin.describe_topics())

    assert until(gone, lambda: None)
    admin.close()
    client.ensure_topics([TopicRequest(topic, 1, 1, {})])
    produce(client, topic, 7)
    again = client.reader(f"g-{fresh_name}", [topic])
    assert [offset for _, offset, *_ in collect(again, 7)] == list(range(7))
    assert again.skipped() == {}
    again.close()
