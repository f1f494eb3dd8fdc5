"""The real services, each as a user of its own with the rights that `driftline acls` prints, over SASL with ACLs."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from driftline.kafka.acls import SERVICES, acls
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Client, Outgoing
from driftline.records import RetrainingJob, Window
from driftline.supervise import Supervisor
from driftline.watch.ledger import Ledger
from driftline.watch.scrape import look
from driftline.workspace import Workspace
from tests.e2e.conftest import DATA, first_model, stream  # noqa: F401
from tests.kafka.apache import ApacheKafka
from tests.security.cluster import PASSWORD, guarded_kafka
from tests.security.rights import allow

RECORDS = 300
PATIENCE = 120.0


@pytest.fixture
def guarded(kafka_installed: None, tmp_path: Path) -> Iterator[ApacheKafka]:
    directory = tmp_path / "kafka"
    directory.mkdir()
    cluster = guarded_kafka(directory, list(SERVICES))
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(directory / "node-0", ignore_errors=True)


def environment(guarded: ApacheKafka, user: str) -> dict[str, str]:
    return {
        "DRIFTLINE_KAFKA__BOOTSTRAP": guarded.bootstrap_at("OPEN"),
        "DRIFTLINE_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "DRIFTLINE_KAFKA__SASL_MECHANISM": "PLAIN",
        "DRIFTLINE_KAFKA__SASL_USERNAME": user,
        "DRIFTLINE_KAFKA__SASL_PASSWORD": PASSWORD,
    }


def job(workspace: Workspace) -> RetrainingJob:
    """A job whose window is empty: the shortest way to a verdict."""
    spans = {0: (0, 0)}
    return RetrainingJob(
        job_id="asked-by-hand",
        stream=workspace.spec.stream,
        requested_by="operator",
        reason="a test",
        requested_at=int(time.time() * 1000),
        champion_version=1,
        window=Window(features=spans, labels=spans),
        labelled_records=0,
    )


def send(client: Client, topic: str, value: bytes) -> None:
    writer = client.writer()
    writer.send(Outgoing(topic, [value], [b"asked-by-hand"]))
    writer.commit(None, {})
    writer.close()


@pytest.mark.slow
def test_each_service_does_its_whole_job_as_a_user_of_its_own(
    stream: str,  # noqa: F811
    guarded: ApacheKafka,
    tmp_path: Path,
) -> None:
    (tmp_path / "stream.yaml").write_text(stream)
    workspace = Workspace(tmp_path / "stream.yaml")
    spec, topics = workspace.spec, workspace.spec.topics
    for service in SERVICES:
        allow(guarded.bootstrap, service, acls(spec, service))
    run = [sys.executable, "-m", "driftline"]
    where = ["--spec", str(workspace.path)]
    with ExitStack() as stack:
        made = subprocess.run(
            [*run, "topics", *where],
            env={**os.environ, **environment(guarded, "operator")},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        assert made.stdout.count(": created") == len(topic_requests(spec))
        supervisors = {
            service: Supervisor(tmp_path / "logs", environment(guarded, service))
            for service in ("consumer", "monitor", "trainer")
        }
        for service, supervisor in supervisors.items():
            stack.callback(supervisor.stop)
            supervisor.add(f"{service}-0", ["run", service, *where, "--instance", f"{service}-0"])
        client = connect(Endpoint(guarded.bootstrap, spec.kafka, "looker"))  # the super user, at the plaintext port
        tail = client.tail([plan.name for plan in spec.topics.plans()])
        stack.callback(tail.close)
        ledger, states = Ledger(spec), 0

        def wait(what: str, condition: Callable[[], bool]) -> None:
            nonlocal states
            deadline = time.monotonic() + PATIENCE
            while not condition():
                batches = tail.poll(0.2)
                states += sum(len(batch) for batch in batches if batch.topic == topics.monitor_state)
                ledger.take([batch for batch in batches if batch.topic != topics.monitor_state])
                words = "\n".join(one.last_words(f"{name}-0") for name, one in supervisors.items())
                assert time.monotonic() < deadline, f"waited for {what}\n{words}"

        def ready() -> bool:
            notes = workspace.service_notes()
            return len(notes) == len(supervisors) and all(look(n, note["url"]).ready for n, note in notes.items())

        wait("the services", ready)
        command = [*run, "produce", "replay", str(DATA), "--start-row", "600", "--stop-row", str(600 + RECORDS)]
        subprocess.run(
            [*command, "--rate", "max", "--label-delay", "0", *where],
            env={**os.environ, **environment(guarded, "producer")},
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        wait("every record's answer", lambda: len(ledger.answered) == RECORDS)
        wait("the monitor's checkpoint", lambda: states > 0)
        send(client, topics.retraining_jobs, job(workspace).to_json())
        wait("the verdict", lambda: any(event.job_id == "asked-by-hand" for event in ledger.model_events))
        for supervisor in supervisors.values():
            for child in supervisor.children.values():
                assert child.restarts == 0
                arguments = Path(f"/proc/{child.process.pid}/cmdline")
                assert not arguments.exists() or PASSWORD.encode() not in arguments.read_bytes()
    for log in (tmp_path / "logs").iterdir():
        assert PASSWORD not in log.read_text(errors="replace"), log
