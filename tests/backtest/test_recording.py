"""A file and the topics that it was sent to are the same recording."""

import time
from pathlib import Path

import numpy as np

from driftline.backtest.recording import Recording, Tape
from driftline.backtest.topic import read_topics, recorded_batches
from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.connect import Endpoint, connect
from driftline.kafka.interface import Batch, Outgoing, TopicRequest
from driftline.spec import KafkaSpec, StreamSpec
from driftline.wire.features import FeatureDecoder
from driftline.wire.labels import decode_labels
from tests.backtest.made import frame, recording, spec


def dealt(made: Recording, stream: StreamSpec, partitions: int = 2) -> tuple[list[Batch], list[Batch]]:
    """The recording over several partitions, as Kafka might hand it over."""
    tape = Tape(stream.topics, made, 5)
    out: tuple[list[Batch], list[Batch]] = ([], [])
    for whole, into in ((tape.features(0, len(made)), out[0]), (tape.labels(0, len(made)), out[1])):
        for p in range(partitions):
            values = whole.values[p::partitions]
            n = len(values)
            into.append(Batch(whole.topic, p, range(n), whole.timestamps[p::partitions], [None] * n, values))
    return out


def same(one: Recording, other: Recording) -> None:
    assert one.record_ids == other.record_ids
    assert one.device_ids == other.device_ids
    assert one.features == other.features
    assert one.answers == other.answers
    assert np.array_equal(one.event_times, other.event_times)
    assert np.array_equal(one.columns.numeric, other.columns.numeric)
    assert np.array_equal(one.judged, other.judged)


class TestATape:
    def test_it_holds_what_the_wire_would(self) -> None:
        made, stream = recording(frame(60)), spec()
        tape = Tape(stream.topics, made, 7)
        decoded = FeatureDecoder(stream).decode([tape.features(10, 20)], int(made.event_times[-1]))
        assert decoded.record_ids == [f"row-{row}" for row in range(10, 20)]
        assert decoded.offsets.tolist() == list(range(10, 20))
        assert np.array_equal(decoded.columns.numeric, made.columns.numeric[10:20])
        labels = decode_labels([tape.labels(0, 60)], stream.classes)
        assert labels.labels == made.answers
        assert labels.labelled_at.tolist() == [int(made.event_times[min(row + 7, 59)]) for row in range(60)]

    def test_a_row_without_a_label_has_none(self) -> None:
        table = frame(60)
        table.loc[[3, 5], "label"] = None
        table.loc[7, "label"] = "no such class"
        tape = Tape(spec().topics, recording(table), 0)
        assert tape.labels(0, 10).offsets == [0, 1, 2, 4, 6, 8, 9]
        assert tape.labelled(0, 10) == 7


class TestTopics:
    def test_partitions_come_back_in_the_order_of_time(self) -> None:
        made, stream = recording(frame(200)), spec()
        same(recorded_batches(stream, *dealt(made, stream)), made)

    def test_what_came_twice_or_cannot_be_served_is_left_out(self) -> None:
        made, stream = recording(frame(50)), spec()
        (first, second), labels = dealt(made, stream)
        broken = Batch(first.topic, 0, [900], [first.timestamps[0]], [None], [b"{}"])
        again = Batch(second.topic, 1, [900], [second.timestamps[0]], [None], [second.values[0]])
        same(recorded_batches(stream, [first, broken, second, again], labels), made)

    def test_from_a_broker(self, embedded_broker: EmbeddedBroker, fresh_name: str, tmp_path: Path) -> None:
        stream = spec().model_copy(update={"stream": fresh_name})
        made = recording(frame(120), stream)
        client = connect(Endpoint(embedded_broker.bootstrap, KafkaSpec(client="kafka-python")))
        topics = (stream.topics.features, stream.topics.labels)
        client.ensure_topics([TopicRequest(topic, 2, 1, {}) for topic in topics])
        writer = client.writer()
        tape = Tape(stream.topics, made, 0)
        for batch in (tape.features(0, 120), tape.labels(0, 120)):
            for p in range(2):
                writer.send(Outgoing(batch.topic, batch.values[p::2], partition=p))
        writer.commit(None, {})
        writer.close()
        found = recorded_batches(stream, *read_topics(stream, client, time.monotonic, silence=1.0))
        client.close()
        same(found, made)
