"""`driftline report` on a real broker."""

import json
import time
from pathlib import Path

import numpy as np

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Outgoing
from driftline.records.data import Label
from driftline.spec import dump_spec
from driftline.wire.predictions import encode_predictions
from tests.cli.conftest import Run
from tests.period.test_facts import drift
from tests.streams import NOW, numeric_stream


def test_the_command_reads_a_broker(
    cli: Run,
    tmp_path: Path,
    embedded_broker: EmbeddedBroker,
    fresh_name: str,
) -> None:
    now = int(time.time() * 1_000)
    spec = numeric_stream(stream=fresh_name, kafka={"bootstrap": embedded_broker.bootstrap, "partitions": 2})
    (tmp_path / "stream.yaml").write_text(dump_spec(spec))
    client = connect(Endpoint(embedded_broker.bootstrap, spec.kafka))
    client.ensure_topics(topic_requests(spec))
    n, k = 60, len(spec.classes)
    p = np.eye(k, dtype=np.float32)[np.zeros(n, dtype=int)]
    made = encode_predictions(
        [f"r{i}" for i in range(n)], ["d"] * n, NOW + np.arange(n, dtype=np.int64), [spec.classes[0]] * n,
        p.max(axis=1), p, 1, np.zeros(n, np.int64), np.arange(n, dtype=np.int64), now - 1_000,
    )  # fmt: skip
    labels = [
        Label(record_id=f"r{i}", device_id="d", label=spec.classes[i % 2], labelled_at=now).to_json() for i in range(40)
    ]
    event = drift("a", now - 500).model_copy(update={"stream": spec.stream})
    writer = client.writer()
    for topic, values, partition in (
        (spec.topics.predictions, made[::2], 0), (spec.topics.predictions, made[1::2], 1),
        (spec.topics.labels, labels, 0), (spec.topics.drift_events, [event.to_json()], 0),
    ):  # fmt: skip
        writer.send(Outgoing(topic, values, [b"d"] * len(values), partition))
    writer.commit(None, {})
    writer.close()
    client.close()
    said = cli("report", "--last", "1h", "--out", "r.html", "--report", "r.json")
    assert said.code == 0, said.err
    assert "60 records answered, 50.0% right" in said.out and "still standing" in said.out
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["answered"], report["labelled"], report["accuracy"]) == (60, 40, 0.5)
    assert [one["event_id"] for one in report["drifts"]] == ["a"]
    assert "<img" in (tmp_path / "r.html").read_text()
