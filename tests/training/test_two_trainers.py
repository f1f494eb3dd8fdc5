"""Two trainers on one topic of jobs, a consumer group on a real broker: each job has one verdict."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from driftline.broker.embedded import EmbeddedBroker
from driftline.kafka.connect import Endpoint, connect
from driftline.kafka.interface import Client, Outgoing, TopicRequest
from driftline.records import ModelEvent, ModelEventKind, RetrainingJob, Window
from driftline.registry import Registry
from driftline.service.clock import SystemClock
from driftline.service.loop import LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from driftline.spec.sections import KafkaSpec
from tests.kafka.polling import until
from tests.registry.made import add_version
from tests.streams import NOW
from tests.training.conftest import numeric_frame, numeric_spec
from tests.training.scripted import Stage, hangs, promotes, refuses
from training import worker
from training.data import from_frame
from training.worker import TrainerCore

SPEC = numeric_spec().model_copy(update={"stream": "two-trainers"})
DATA = from_frame(SPEC, numeric_frame(40))
SECONDS = 30.0


class Member:
    """A trainer in the group, as `training.service` puts it together, with scripted children."""

    def __init__(self, registry: Registry, client: Client) -> None:
        self.core = TrainerCore(SPEC, registry, "root", lambda job, stop: DATA)
        settings = LoopSettings(f"{SPEC.stream}.trainers", [SPEC.topics.retraining_jobs], 1, 0.0, tick=0.02)
        self._loop = ServiceLoop(self.core, client, settings, SystemClock(), LoopMetrics(CollectorRegistry()))
        self.round = self._loop.round

    def leave(self) -> None:
        self._loop.run(lambda: True)
        self.core.close()


@pytest.fixture
def clients(embedded_broker: EmbeddedBroker) -> Iterator[list[Client]]:
    kafka = KafkaSpec(session_timeout_ms=6_000)
    made = [connect(Endpoint(embedded_broker.bootstrap, kafka, name)) for name in ("trainer-0", "trainer-1", "test")]
    topics = (SPEC.topics.retraining_jobs, SPEC.topics.model_events)
    made[0].ensure_topics([TopicRequest(topic, 1, 1, {}) for topic in topics])
    yield made
    for client in made:
        client.close()


def test_the_one_that_goes_leaves_its_job_to_the_other(
    clients: list[Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(str(tmp_path / "models"), SPEC.stream)
    add_version(registry, SPEC, tmp_path, 1)
    registry.set_champion(1, ModelEventKind.PROMOTED, now_ms=NOW - 1_000)
    # The first takes job 1 and answers it, takes job 2 and does not come to an end; the second takes job 2 over.
    stage = Stage(refuses, hangs, promotes)
    monkeypatch.setattr(worker, "TrainingChild", stage)
    first, second = Member(registry, clients[0]), Member(registry, clients[1])
    tail = clients[2].tail([SPEC.topics.model_events])
    events: list[ModelEvent] = []

    def listen() -> None:
        for batch in tail.poll(0.02, 100):
            events.extend(ModelEvent.from_json(value or b"") for value in batch.values)

    def step() -> None:
        first.round()
        second.round()
        listen()

    writer = clients[2].writer()
    for name in ("job-1", "job-2"):
        job = RetrainingJob(
            job_id=name,
            stream=SPEC.stream,
            requested_by="policy",
            reason="drift",
            requested_at=NOW,
            champion_version=1,
            window=Window(features={0: (0, 40)}, labels={0: (0, 40)}),
            labelled_records=40,
        )
        writer.send(Outgoing(SPEC.topics.retraining_jobs, [job.to_json()], [name.encode()]))
    writer.commit(None, {})
    busy = lambda: [member for member in (first, second) if member.core.busy == "job-2"]  # noqa: E731
    assert until(lambda: bool(busy() and events) and len(stage.asked) == 2, step, SECONDS)
    (goes,) = busy()
    (stays,) = {first, second} - {goes}
    assert stays.core.busy is None, "one takes the jobs, the other stands by"
    assert [(event.job_id, event.kind) for event in events] == [("job-1", "refused")]
    goes.leave()

    def alone() -> None:
        stays.round()
        listen()

    assert until(lambda: len(events) == 2, alone, SECONDS)
    for _ in range(10):
        alone()
    assert [(event.job_id, event.kind) for event in events] == [("job-1", "refused"), ("job-2", "promoted")]
    assert [request.origin.job_id for request in stage.requests] == ["job-1", "job-2", "job-2"]
    assert registry.manifest(2).job_id == "job-2" and registry.versions() == [1, 2]
    stays.leave()
    tail.close()
    writer.close()
