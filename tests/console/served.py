"""The real application on a real port; the core behind it is fed by hand, so that a page test needs no broker."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml
from prometheus_client import CollectorRegistry

from driftline.kafka.interface import Batch, KafkaFault, Outgoing
from driftline.records import Blame, DriftEvent, DriftKind, Label, Position, Prediction, RetrainingJob, Window
from driftline.registry import Registry
from driftline.workspace import Workspace
from monitoring.console.acts import Operator
from monitoring.console.app import Console, make_app
from monitoring.console.guard import LOOPBACK
from monitoring.console.view import View
from monitoring.doors.serving import Server, listen
from monitoring.doors.tokens import Tokens
from tests.monitoring.stream import make_reference, numeric_columns
from tests.registry.made import add_version

TOKEN = "anna:a-token-for-tests-only"
SECRET = TOKEN.partition(":")[2]


class Served:
    """A console that is served, and the records it has been shown."""

    def __init__(self, folder: Path, features: int = 4, tokens: str = TOKEN, versions: int = 2) -> None:
        document = {
            "stream": "pumps",
            "classes": ["ok", "worn"],
            "features": [{"name": f"x{i:04d}", "type": "numeric"} for i in range(features)],
            "monitoring": {"data": {"window": 100}, "accuracy_window": 100},
        }
        (folder / "stream.yaml").write_text(yaml.safe_dump(document))
        self.workspace = Workspace(folder / "stream.yaml")
        self.spec = self.workspace.spec
        self.sent: list[Outgoing] = []
        self.broken = False
        self.view = View(self.spec)
        self.rng = np.random.default_rng(7)
        self._offsets: dict[str, int] = {}
        registry: Registry = self.workspace.registry
        manifests = [add_version(registry, self.spec, folder, version) for version in range(1, versions + 1)]
        self.view.cluster(True)
        if versions:
            registry.set_champion(1, kind("promoted"), now_ms=now())
            champion = registry.set_champion(versions, kind("promoted"), now_ms=now())
            self.view.registry(champion.version, champion.previous_version, manifests, "")
            self.view.follow(
                versions, make_reference(self.spec, numeric_columns(self.rng.normal(size=(500, features))))
            )
        operator = Operator(
            self.workspace, self.view.happened.open_event, lambda event: event in self.view.happened.events, self._kafka
        )
        guard = Tokens.parse(tokens, "test")
        self.console = Console(self.workspace, self.view, operator, guard, LOOPBACK, threading.Lock())

    # -- feeding --------------------------------------------------------------------------------------------------

    def feed(self, topic: str, values: Sequence[bytes | None], at: int | None = None) -> None:
        """Show the core records, as a poll would."""
        start = self._offsets.get(topic, 0)
        self._offsets[topic] = start + len(values)
        n, at = len(values), at or now()
        batch = Batch(topic, 0, list(range(start, start + n)), [at] * n, [b"d"] * n, list(values))
        with self.console.lock:
            self.view.take([batch], now())
            self.view.tick(now())

    def records(self, n: int, shift: float = 0.0, right: float = 0.9, at: int | None = None) -> None:
        """Feature records, their answers and their labels."""
        topics, first, at = self.spec.topics, self._offsets.get(self.spec.topics.features, 0), at or now()
        matrix = (self.rng.normal(size=(n, len(self.spec.features))) + shift).round(4)
        ids = [f"r{first + i}" for i in range(n)]
        head = {"schema_version": 1, "device_id": "d", "event_time": at}
        values = [
            json.dumps(head | {"record_id": i, "features": x}).encode()
            for i, x in zip(ids, matrix.tolist(), strict=True)
        ]
        self.feed(topics.features, values, at)
        fields: dict[str, Any] = {"device_id": "d", "event_time": at, "prediction": "ok", "confidence": 0.9}
        fields |= {"probabilities": [0.9, 0.1], "model_version": 2, "source_partition": 0, "scored_at": at}
        answers = [Prediction(record_id=i, source_offset=first + k, **fields) for k, i in enumerate(ids)]
        self.feed(topics.predictions, [one.to_json() for one in answers], at)
        truth = np.where(self.rng.random(n) < right, "ok", "worn").tolist()
        labels = [Label(record_id=i, device_id="d", label=t, labelled_at=at) for i, t in zip(ids, truth, strict=True)]
        self.feed(topics.labels, [one.to_json() for one in labels], at)

    def drift(self, n: int = 1, severity: str = "alarm", onset: int = 0) -> None:
        """Drift events, with their onset at this offset."""
        first = len(self.view.happened.events)
        told = [event(first + i, severity, onset) for i in range(n)]
        self.feed(self.spec.topics.drift_events, [one.to_json() for one in told])

    def _kafka(self) -> Any:
        """What an act is done through: sends what the core is then shown, and knows how far the topics reach."""
        if self.broken:
            raise KafkaFault("the broker is away")
        ends = {(topic, 0): end for topic, end in self._offsets.items()}
        tail = SimpleNamespace(ends=lambda: ends, close=lambda: None)
        writer = SimpleNamespace(send=self._send, commit=lambda reader, offsets: None, close=lambda: None)
        return SimpleNamespace(
            ensure_topics=lambda plans: [],
            tail=lambda topics, from_end: tail,
            writer=lambda: writer,
            close=lambda: None,
        )

    def _send(self, out: Outgoing) -> None:
        self.sent.append(out)
        self.feed(out.topic, out.values)

    # -- serving --------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self, port: int = 0) -> Iterator[str]:
        """Serve; yields the address."""
        self.console.closing.clear()
        listener = listen("127.0.0.1", port)
        server = Server(make_app(self.console, CollectorRegistry()), self.console.closing.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield address
        finally:
            self.console.closing.set()
            server.should_exit = True
            thread.join(10)
            listener.close()
            assert not thread.is_alive()


def event(number: int, severity: str = "alarm", onset: int = 0) -> DriftEvent:
    """A drift event."""
    here = Position(record_id=f"r{number}", event_time=now(), features={0: onset}, labels={0: onset})
    return DriftEvent(
        event_id=f"e{number}",
        stream="pumps",
        kind=DriftKind.CONCEPT,
        severity=severity,  # type: ignore[arg-type]
        detector="adwin",
        model_version=2,
        detected_at=now(),
        detected=here,
        onset=here,
        features=[Blame(feature="x0001", score=0.7, detail="mean 0 → 2")],
        summary=f"Model 2 is wrong more often (number {number}).",
    )


def job(job_id: str) -> RetrainingJob:
    """A job of the policy's."""
    return RetrainingJob(
        job_id=job_id,
        stream="pumps",
        requested_by="policy",
        reason="Model 2 is wrong more often.",
        requested_at=now(),
        champion_version=2,
        window=Window(features={0: (0, 80)}, labels={0: (0, 80)}),
        labelled_records=80,
    )


def request(
    url: str, body: dict[str, Any] | None = None, token: str | None = None, **headers: str
) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers; a body makes it a POST."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent), timeout=20) as answer:
            status, content, found = answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        status, content, found = error.code, error.read(), dict(error.headers)
    try:
        return status, json.loads(content), found
    except ValueError:
        return status, content, found


def kind(name: str) -> Any:
    from driftline.records import ModelEventKind

    return ModelEventKind(name)


def now() -> int:
    return time.time_ns() // 1_000_000
