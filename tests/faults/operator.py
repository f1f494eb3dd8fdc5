"""A person at work while everything fails: promotes other versions, and asks for retrainings."""

from __future__ import annotations

import json
import random
import time
import uuid

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from driftline.errors import DriftlineError
from driftline.records.loop import ModelEventKind
from driftline.workspace import Workspace

PROMOTE_EVERY, ASK_EVERY = 18.0, 45.0
_WINDOW = 400
"""Records a partition in the window of a job."""


class Operator:
    """Acts when `tick` is called and it is time to."""

    def __init__(self, workspace: Workspace, bootstrap: str, seed: int) -> None:
        self._workspace = workspace
        self._random = random.Random(f"{seed}/operator")
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._next_promotion = time.monotonic() + PROMOTE_EVERY / 3
        self._next_job = time.monotonic() + ASK_EVERY / 2
        self.promotions = self.jobs = 0

    def tick(self) -> None:
        now = time.monotonic()
        if now >= self._next_promotion:
            self._next_promotion = now + PROMOTE_EVERY * self._random.uniform(0.5, 1.5)
            self.promote()
        if now >= self._next_job:
            self._next_job = now + ASK_EVERY * self._random.uniform(0.7, 1.3)
            self.ask()

    def promote(self) -> int | None:
        """Put another version into service, as `driftline models promote` does; returns which, if there is one."""
        registry, spec = self._workspace.registry, self._workspace.spec
        try:
            champion = registry.champion()
            others = [v for v in registry.versions() if champion is None or v != champion.version]
            if not others:
                return None
            event = registry.set_champion(self._random.choice(others), ModelEventKind.PROMOTED, reasons=("fault test",))
        except DriftlineError:
            return None  # pruned between the two looks: a person would look again
        self._send(spec.topics.model_events, event.to_json(), event.key)
        self.promotions += 1
        return event.version

    def ask(self) -> str:
        """Ask for a retraining on the newest records; returns the job's id."""
        spec = self._workspace.spec
        spans = {}
        for name in (spec.topics.features, spec.topics.labels):
            asked = self._admin.list_offsets(
                {TopicPartition(name, p): OffsetSpec.latest() for p in range(spec.kafka.partitions)}
            )
            ends = {place.partition: future.result().offset for place, future in asked.items()}
            spans[name] = {str(p): (max(end - _WINDOW, 0), end) for p, end in ends.items()}
        champion = self._workspace.registry.champion()
        job = {
            "schema_version": 1,
            "job_id": f"asked-{uuid.uuid4().hex[:8]}",
            "stream": spec.stream,
            "requested_by": "operator",
            "reason": "fault test",
            "requested_at": int(time.time() * 1_000),
            "champion_version": champion.version if champion else 1,
            "window": {"features": spans[spec.topics.features], "labels": spans[spec.topics.labels]},
            "labelled_records": _WINDOW,
        }
        self._send(spec.topics.retraining_jobs, json.dumps(job).encode(), str(job["job_id"]).encode())
        self.jobs += 1
        return str(job["job_id"])

    def _send(self, topic: str, value: bytes, key: bytes) -> None:
        self._producer.produce(topic, value, key)
        self._producer.flush(20)
