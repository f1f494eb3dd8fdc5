"""Clients for the tests of this folder, one of each library."""

from collections.abc import Callable, Iterator

import pytest

from driftline.kafka.connect import UNNAMED, Endpoint, connect
from driftline.kafka.interface import Client
from driftline.spec.sections import KafkaSpec
from tests.kafka.apache import ApacheKafka

LIBRARIES = ["kafka-python", "confluent-kafka"]

Connect = Callable[..., Client]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    """Return each client library in turn."""
    return str(request.param)


@pytest.fixture
def on_apache(apache_kafka: ApacheKafka, library: str) -> Iterator[Connect]:
    """Return a function that connects to Apache Kafka under a name."""
    made: list[Client] = []

    def connect_as(instance: str = UNNAMED, session_timeout_ms: int = 6_000, bootstrap: str = "") -> Client:
        spec = KafkaSpec(client=library, session_timeout_ms=session_timeout_ms)  # type: ignore[arg-type]
        made.append(connect(Endpoint(bootstrap or apache_kafka.bootstrap, spec, instance)))
        return made[-1]

    yield connect_as
    for client in made:
        client.close()
