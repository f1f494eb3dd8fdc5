"""Streams written by hand, record by record, for the checker's own tests."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

Document = dict[str, Any]
TWO = ("features", "predictions", "labels", "dead-letters")
ONE = ("drift-events", "retraining-jobs", "model-events", "monitor-state")


def prediction(record: int, offset: int, answer: str = "ok", version: int = 1, sequence: int = 1) -> Document:
    """The answer to the record at `offset` of partition 0."""
    return {
        "schema_version": 1,
        "record_id": f"r{record}",
        "prediction": answer,
        "model_version": version,
        "champion_sequence": sequence,
        "source_partition": 0,
        "source_offset": offset,
    }


def label(record: int, truth: str = "ok") -> Document:
    return {"record_id": f"r{record}", "device_id": "d", "label": truth, "labelled_at": 0}


def verdict(job: str, kind: str, **more: Any) -> Document:
    return {"event_id": f"{kind}-{job}", "kind": kind, "job_id": job, "sequence": 0, "version": None, **more}


def job(name: str, cause: str | None = "e1", by: str = "policy") -> Document:
    return {"job_id": name, "drift_event_id": cause, "requested_by": by}


@dataclass
class Story:
    """What stands on each topic, in order: (partition, value) and, for features, whether it is valid.

    `default()` is a healthy one: six records, of which the fifth is invalid, answered by two champions, five labels
    of which one is a duplicate, a drift, its job, its verdict, and two heads of the monitor.
    """

    topics: dict[str, list[tuple[int, Document]]] = field(default_factory=dict)
    invalid: set[int] = field(default_factory=set)

    @classmethod
    def default(cls, stream: str) -> Story:
        answers = [prediction(i, i) for i in range(3)]
        answers += [prediction(3, 3, version=2, sequence=2), prediction(5, 5, "worn", version=2, sequence=2)]
        heads = [(3, 2, 2, 1), (5, 5, 4, 2)]
        promoted = verdict("j1", "promoted", version=2, sequence=2)
        story = cls(
            {
                "features": [(0, {"record_id": f"r{i}"}) for i in range(6)],
                "predictions": [(0, answer) for answer in answers],
                "dead-letters": [(0, {"source_partition": 0, "source_offset": 4})],
                "labels": [(0, label(i, t)) for i, t in ((0, "ok"), (1, "bad"), (1, "ok"), (2, "ok"), (5, "ok"))],
                "drift-events": [(0, {"event_id": "e1", "severity": "alarm"})],
                "retraining-jobs": [(0, job("j1"))],
                "model-events": [(0, promoted)],
                "monitor-state": [],
            },
            {4},
        )
        for number, (answered, labelled, outcomes, wrong) in enumerate(heads, 1):
            story.add_head(stream, number, answered, labelled, outcomes, wrong)
        return story

    def add_head(self, stream: str, number: int, answered: int, labelled: int, outcomes: int, wrong: int) -> None:
        """A checkpoint that has read so many predictions and labels of partition 0."""
        positions = {f"{stream}.predictions": {"0": answered}, f"{stream}.labels": {"0": labelled}}
        account = {"outcomes": outcomes, "wrong": wrong}
        self.topics["monitor-state"].append((0, {"number": number, "positions": positions, "account": account}))

    def copy(self) -> Story:
        return copy.deepcopy(self)

    def values(self, topic: str) -> list[Document]:
        """The values on a topic, to be changed in place."""
        return [value for _, value in self.topics[topic]]

    def write(self, bootstrap: str, stream: str) -> None:
        """Make the topics and put the story on them, the verdicts before the heads and after the jobs.

        Each record is told its time, a millisecond after the one before: a fast machine writes several within one,
        and the checker tells by the time which of two topics' records came first.
        """
        make_topics(bootstrap, stream)
        producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
        time_ms = int(time.time() * 1000) - 60_000
        for topic in (*TWO, *ONE):
            for at, (partition, value) in enumerate(self.topics[topic]):
                headers = [("expect", b"dead-letter")] if topic == "features" and at in self.invalid else None
                key = b"head" if topic == "monitor-state" else b"d"
                time_ms += 1
                producer.produce(
                    f"{stream}.{topic}", json.dumps(value).encode(), key, partition, headers=headers, timestamp=time_ms
                )
        producer.flush()


def make_topics(bootstrap: str, stream: str) -> None:
    """The topics of a stream with two partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [NewTopic(f"{stream}.{name}", 2, 1) for name in TWO] + [NewTopic(f"{stream}.{name}", 1, 1) for name in ONE]
    for future in admin.create_topics(wanted).values():
        future.result()
