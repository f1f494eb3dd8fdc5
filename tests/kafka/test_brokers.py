"""Both brokers take records and give them back; three nodes replicate; nothing is left behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from driftline.broker.net import HOST, free_port
from tests.kafka import apache
from tests.kafka.apache import ApacheKafka, kafka_jars
from tests.processes import gone_within

RECORDS = 100


def make_topic(bootstrap: str, name: str, partitions: int = 2, replicas: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(name, partitions, replicas)])
    finally:
        admin.close()


def produce(bootstrap: str, topic: str, first: int = 0) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        sent = [
            producer.send(topic, key=b"device-%d" % (i % 5), value=b"%d" % i) for i in range(first, first + RECORDS)
        ]
        for future in sent:
            future.get(timeout=30)
    finally:
        producer.close()


def read(bootstrap: str, topic: str, count: int, within_s: float = 30.0) -> list[int]:
    """Return the values of the first ``count`` records, in order; fewer when the time is over."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
    values: list[int] = []
    deadline = time.monotonic() + within_s
    try:
        while len(values) < count and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                values += [int(record.value) for record in records]
    finally:
        consumer.close()
    return sorted(values)


def test_records_come_back(bootstrap: str, fresh_name: str) -> None:
    make_topic(bootstrap, fresh_name)
    produce(bootstrap, fresh_name)
    assert read(bootstrap, fresh_name, RECORDS) == list(range(RECORDS))


def test_apache_keeps_its_records_over_a_restart(kafka_installed: None, tmp_path: Path) -> None:
    cluster = ApacheKafka(tmp_path)
    cluster.start()
    try:
        before = cluster.bootstrap
        make_topic(before, "kept")
        produce(before, "kept")
        cluster.restart()
        assert cluster.bootstrap == before
        assert read(before, "kept", RECORDS) == list(range(RECORDS))
    finally:
        cluster.kill()


def test_apache_tries_other_ports_when_one_was_taken(
    kafka_installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((HOST, 0)) as taken:
        first = iter([taken.getsockname()[1]])
        monkeypatch.setattr(apache, "free_port", lambda: next(first, None) or free_port())
        cluster = ApacheKafka(tmp_path)
        try:
            cluster.start()
            assert cluster.bootstrap != f"{HOST}:{taken.getsockname()[1]}"
        finally:
            cluster.kill()


def test_no_virtual_machine_outlives_the_tests(kafka_installed: None, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.kafka.apache import ApacheKafka\n"
        f"kafka = ApacheKafka(Path({str(tmp_path)!r})); kafka.start(wait=False)\n"
        "print(kafka._processes[0].pid, flush=True); time.sleep(60)"
    )
    root = kafka_jars().parents[2]
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone_within(pid, 0.5)
        owner.kill()
        assert gone_within(pid, 5.0)


@pytest.mark.slow
def test_three_nodes_replicate_and_survive_a_kill(kafka_installed: None, tmp_path: Path) -> None:
    cluster = ApacheKafka(tmp_path, nodes=3)
    cluster.start()
    try:
        make_topic(cluster.bootstrap, "thrice", partitions=3, replicas=3)
        produce(cluster.bootstrap, "thrice")
        admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        (topic,) = admin.describe_topics(["thrice"])
        admin.close()
        for partition in topic["partitions"]:
            assert sorted(partition["replica_nodes"]) == [0, 1, 2], partition

        cluster.kill(1)
        assert [cluster.alive(i) for i in range(3)] == [True, False, True]
        produce(cluster.bootstrap, "thrice", first=RECORDS)
        cluster.start(1)
        assert cluster.alive(1)
        assert read(cluster.bootstrap, "thrice", 2 * RECORDS) == list(range(2 * RECORDS))
    finally:
        cluster.kill()
