"""docker-compose.yml's services, started by the commands as they are written there, on Apache Kafka."""

import subprocess
from collections.abc import Iterator

import pytest

from driftline.kafka.connect import Endpoint, connect
from driftline.spec import load_spec
from tests.deploy.composed import SERVICES, Project
from tests.docs.pages import ROOT
from tests.kafka.apache import ApacheKafka
from tests.parts import missing

SERVING = [name for name, service in SERVICES.items() if "driftline run" in str(service.get("command"))]
SPEC = load_spec(ROOT / "deploy" / "stream.yaml", {})


@pytest.fixture(scope="module")
def namespaces() -> None:
    """Skip (or fail) where a process may not have mounts and a network of its own."""
    for more in ([], ["--map-root-user"]):
        try:
            done = subprocess.run(["unshare", *more, "--mount", "--net", "true"], capture_output=True, check=False)
        except FileNotFoundError:
            missing("unshare is not installed (Debian: util-linux)")
        if done.returncode == 0:
            return
    missing("no right to a mount and a network namespace")


@pytest.fixture(scope="module")
def project(namespaces: None, apache_kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Everything up, in the order of the file's `depends_on`."""
    made = Project(tmp_path_factory.mktemp("composed"), int(apache_kafka.bootstrap.rpartition(":")[2]))
    try:
        for name in ("alerts-token", "first-model"):
            assert made.completed(name) == 0, made.said(name)
        for name in SERVING:
            made.start(name)
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("name", SERVING)
def test_it_is_healthy(project: Project, name: str) -> None:
    project.await_healthy(name)


def test_the_devices_records_are_answered(project: Project, apache_kafka: ApacheKafka) -> None:
    project.start("devices")
    client = connect(Endpoint(apache_kafka.bootstrap, SPEC.kafka, "composed"))
    try:
        tail = client.tail([SPEC.topics.predictions])
        answered = 0
        while answered < 50:
            answered += sum(len(batch.values) for batch in tail.poll(0.5))
        tail.close()
    finally:
        client.close()
    assert project.stopped("devices") == 0, project.said("devices")


@pytest.mark.parametrize("name", SERVING)
def test_it_stops_in_order(project: Project, name: str) -> None:
    assert project.stopped(name) == 0, project.said(name)
    assert "Traceback" not in project.said(name)
