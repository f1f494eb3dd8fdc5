"""Fixtures: the two brokers, one of each per session, and names that let tests share them.

With ``DRIFTLINE_REQUIRE_KAFKA=1`` a broker which cannot be had fails the test instead of skipping it.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from typing import NoReturn

import pytest

from driftline.broker.embedded import BrokerUnavailable, EmbeddedBroker
from tests.kafka.apache import ApacheKafka, KafkaUnavailable, have_java_and_maven, kafka_jars

REQUIRE = "DRIFTLINE_REQUIRE_KAFKA"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks used here."""
    config.addinivalue_line("markers", "slow: takes more than some ten seconds")


def missing(reason: str) -> NoReturn:
    """Skip the test for want of a broker, or fail it where brokers are required."""
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{reason} ({REQUIRE}=1 makes this a failure)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """Yield the session's embedded broker."""
    broker = EmbeddedBroker(log=tmp_path_factory.mktemp("embedded") / "broker.log")
    try:
        broker.start()
    except BrokerUnavailable as error:
        missing(str(error))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def kafka_installed() -> None:
    """Skip (or fail) unless Apache Kafka can be started here; fetch its jars if they are not there yet."""
    reason = have_java_and_maven()
    if reason is not None:
        missing(reason)
    try:
        kafka_jars()
    except KafkaUnavailable as error:
        missing(str(error))


@pytest.fixture(scope="session")
def apache_kafka(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Yield the session's Apache Kafka, a cluster of one node. Tests that break brokers start their own."""
    directory = tmp_path_factory.mktemp("kafka")
    cluster = ApacheKafka(directory)
    cluster.start()
    yield cluster
    cluster.stop()
    # The data only: pytest keeps the folders of the last three runs, and the log is what one looks at later.
    shutil.rmtree(directory / "node-0", ignore_errors=True)


@pytest.fixture(params=["embedded", "apache"])
def bootstrap_kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of broker that `bootstrap` is, for the few promises that only one of them can keep."""
    return str(request.param)


@pytest.fixture
def bootstrap(request: pytest.FixtureRequest, bootstrap_kind: str) -> str:
    """Return the bootstrap servers of each kind of broker in turn."""
    # By name, so that a run of the embedded half only never starts a virtual machine.
    name = {"embedded": "embedded_broker", "apache": "apache_kafka"}[bootstrap_kind]
    broker: EmbeddedBroker | ApacheKafka = request.getfixturevalue(name)
    return broker.bootstrap


@pytest.fixture
def fresh_name(request: pytest.FixtureRequest) -> str:
    """Return a stream name no other test uses: lower-case letters, digits and hyphens, a letter first."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.lower()).strip("-")[:30].strip("-")
    return f"{test}-{uuid.uuid4().hex[:8]}"
