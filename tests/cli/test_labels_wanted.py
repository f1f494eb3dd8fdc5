"""The list of records to label next: doubtful ones and blind ones, of the drift that stands first."""

import csv
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.broker.embedded import EmbeddedBroker
from driftline.cli.labels_wanted import onset_of_what_stands
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Outgoing
from driftline.records.data import Label
from driftline.records.loop import DriftEvent, Position
from driftline.spec import dump_spec
from driftline.wanted import wanted
from driftline.wire.predictions import Predictions, encode_predictions
from tests.cli.conftest import Run
from tests.streams import NOW, numeric_stream


def answered(p: np.ndarray, devices: list[str] | None = None) -> Predictions:
    n = len(p)
    return Predictions(
        record_ids=[f"r{i}" for i in range(n)],
        device_ids=devices or [f"d{i % 3}" for i in range(n)],
        event_times=NOW + np.arange(n, dtype=np.int64),
        answers=["b" if one >= 0.5 else "a" for one in p],
        confidences=np.maximum(p, 1 - p).astype(np.float32),
        probabilities=np.stack([1 - p, p], axis=1).astype(np.float32),
        model_versions=np.ones(n, dtype=np.int64),
        source_partitions=np.zeros(n, dtype=np.int64),
        source_offsets=np.arange(n, dtype=np.int64),
        scored_at=NOW + np.arange(n, dtype=np.int64),
        malformed=0,
    )


@given(
    st.lists(st.floats(0, 1), max_size=80), st.sets(st.integers(0, 79), max_size=40), st.integers(1, 60),
    st.integers(-5, 90),
)  # fmt: skip
def test_is_of_unlabelled_records_each_once_half_of_them_blind(
    p: list[float], labelled: set[int], n: int, since: int
) -> None:
    known = {f"r{i}" for i in labelled}
    found = wanted(answered(np.array(p)), known, n, multilabel=False, since=NOW + since)
    ids = [one.record_id for one in found]
    there = [f"r{i}" for i in range(len(p)) if f"r{i}" not in known]
    assert len(set(ids)) == len(ids) == min(n, len(there))
    assert set(ids) <= set(there)
    recent = [one for one in there if int(one[1:]) >= since]
    # Nobody from before the onset while those since it would do.
    assert len(set(ids) & set(recent)) == min(n, len(recent))
    assert sum(one.why == "random" for one in found) == min(round(n / 2), len(there))


def test_the_doubtful_half_is_doubtful_and_not_all_of_one_device() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0, 1, 600)
    p[:100] = 0.5  # one sensor that the model knows nothing about
    devices = ["odd"] * 100 + [f"d{i % 9}" for i in range(500)]
    found = wanted(answered(p, devices), (), 60, multilabel=False)
    doubtful = [one for one in found if one.why == "uncertain"]
    assert np.mean([one.margin for one in doubtful]) < 0.15
    assert len({one.device_id for one in doubtful}) == 10
    assert found == wanted(answered(p, devices), (), 60, multilabel=False)


def test_several_classes_are_as_doubtful_as_the_least_sure_of_them() -> None:
    predictions = answered(np.array([0.9, 0.55]))
    found = wanted(predictions, (), 2, multilabel=True)
    assert {one.record_id: round(one.margin, 3) for one in found} == {"r0": 0.8, "r1": 0.1}


def test_what_stands_is_what_is_not_closed() -> None:
    def event(name: str, state: str, onset: int) -> DriftEvent:
        return DriftEvent(
            event_id=name, stream="s", kind="concept", severity="alarm", detector="d", model_version=1, summary="s",
            detected_at=1, detected=Position(), onset=Position(event_time=onset), state=state,
        )  # fmt: skip

    assert onset_of_what_stands([]) is None
    told = [event("a", "opened", 5), event("b", "opened", 9), event("a", "closed", 5)]
    assert onset_of_what_stands(told) == 9


def test_the_command_reads_the_topics_and_writes_a_list_for_people(
    cli: Run, tmp_path: Path, embedded_broker: EmbeddedBroker, fresh_name: str
) -> None:
    spec = numeric_stream(stream=fresh_name, kafka={"bootstrap": embedded_broker.bootstrap, "partitions": 2})
    (tmp_path / "stream.yaml").write_text(dump_spec(spec))
    client = connect(Endpoint(embedded_broker.bootstrap, spec.kafka))
    client.ensure_topics(topic_requests(spec))
    said = cli("labels-wanted")
    assert said.code == 0 and "nothing to label" in said.out
    n, k = 40, len(spec.classes)
    p = np.random.default_rng(0).dirichlet(np.ones(k), n).astype(np.float32)
    made = encode_predictions(
        [f"r{i}" for i in range(n)], [f"d{i % 4}" for i in range(n)], NOW + np.arange(n, dtype=np.int64),
        [spec.classes[j] for j in p.argmax(axis=1)], p.max(axis=1), p, 1, np.zeros(n, np.int64),
        np.arange(n, dtype=np.int64), NOW,
    )  # fmt: skip
    labels = [
        Label(record_id=f"r{i}", device_id=f"d{i % 4}", label=spec.classes[0], labelled_at=NOW).to_json()
        for i in range(10)
    ]
    writer = client.writer()
    for topic, values in ((spec.topics.predictions, made), (spec.topics.labels, labels)):
        for partition in range(2):
            part = values[partition::2]
            writer.send(Outgoing(topic, part, [b"d"] * len(part), partition))
    writer.commit(None, {})
    writer.close()
    client.close()
    said = cli("labels-wanted", "-n", 12, "--csv", "todo.csv")
    assert said.code == 0, said.err
    assert "12 wanted" in said.out
    with (tmp_path / "todo.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["record_id"] for row in rows}) == 12
    assert not {row["record_id"] for row in rows} & {f"r{i}" for i in range(10)}
    assert {row["label"] for row in rows} == {""}
