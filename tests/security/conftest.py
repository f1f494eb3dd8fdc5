"""One secured node for the session's tests of the wire."""

import shutil
from collections.abc import Iterator

import pytest

from tests.kafka.apache import ApacheKafka
from tests.kafka.fixtures import missing
from tests.security.certificates import Certificates, have_openssl, make_certificates
from tests.security.cluster import secured_kafka


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Yield the session's certificates."""
    if (reason := have_openssl()) is not None:
        missing(reason)
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secured(
    kafka_installed: None, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApacheKafka]:
    """Yield a node with TLS and SASL listeners; see `tests.security.cluster.secured_kafka`."""
    directory = tmp_path_factory.mktemp("secured")
    cluster = secured_kafka(directory, certificates)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(directory / "node-0", ignore_errors=True)
