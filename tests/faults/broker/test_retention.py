"""Records that retention removed before they were answered."""

import json
from collections import Counter

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults.broker.follower import ends
from tests.faults.broker.trial import PARTITIONS, Start, Trial


@pytest.mark.timeout(240)
def test_what_retention_took_is_said_and_the_rest_is_answered_once(stream_on: Start) -> None:
    with stream_on() as stream:
        stream.begin("consumer-0")
        stream.fleet.stop("consumer-0")
        stream.loader_rests()
        topic = f"{stream.stream}.features"
        stopped_at = _committed_answers(stream)
        cut = {p: end - 20 for p, end in ends(stream.cluster.bootstrap, topic, PARTITIONS).items()}
        gone = {p: max(cut[p] - stopped_at[p], 0) for p in cut}
        assert sum(gone.values()) > 0
        admin = AdminClient({"bootstrap.servers": stream.cluster.bootstrap, "log_level": 0})
        for future in admin.delete_records([TopicPartition(topic, p, at) for p, at in cut.items()]).values():
            future.result()
        stream.injected += 1

        stream.fleet.start("consumer-0", stream.cluster.bootstrap)
        stream.healed()
        stream.wait(
            "the metric to say it",
            lambda: (
                stream.fleet.metric("consumer-0", "driftline_records_skipped_total", topic=topic) == sum(gone.values())
            ),
        )
        said = stream.fleet.said("consumer-0", "records were removed by retention")
        assert {line["partition"]: line["records"] for line in said} == {p: n for p, n in gone.items() if n}
        stream.fleet.close()

        answers = _answers(stream)
        wanted = {(p, o) for p in cut for o in range(ends(stream.cluster.bootstrap, topic, PARTITIONS)[p])}
        removed = {(p, o) for p in cut for o in range(stopped_at[p], max(cut[p], stopped_at[p]))}
        assert wanted - removed == set(answers)
        assert set(answers.values()) == {1}
        stream.write(
            {
                "fault": "broker/retention",
                "injected": 1,
                "accepted": len(wanted),
                "lost": len(wanted - removed - set(answers)),
                "duplicated": sum(answers.values()) - len(answers),
                "mis_versioned": 0,
                "removed_and_reported": sum(gone.values()),
            }
        )


def _committed_answers(stream: Trial) -> dict[int, int]:
    answered = Counter(partition for partition, _ in _answers(stream))
    return {p: answered[p] for p in range(PARTITIONS)}


def _answers(stream: Trial) -> Counter[tuple[int, int]]:
    """How often each (partition, offset) of the features is answered, by predictions and dead letters together."""
    consumer = Consumer(
        {
            "bootstrap.servers": stream.cluster.bootstrap,
            "group.id": "count",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    topics = [f"{stream.stream}.{name}" for name in ("predictions", "dead-letters")]
    left = {(topic, p) for topic in topics for p in range(PARTITIONS)}
    consumer.assign([TopicPartition(topic, p, 0) for topic, p in left])
    found: Counter[tuple[int, int]] = Counter()
    while left:
        for message in consumer.consume(1_000, timeout=0.2):
            if message.error() is not None:
                left.discard((message.topic(), message.partition()))
            else:
                answer = json.loads(message.value())
                found[answer["source_partition"], answer["source_offset"]] += 1
    consumer.close()
    return found
