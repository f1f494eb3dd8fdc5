"""The clients' waits, shortened for tests that must sit them out."""

from typing import Any

import pytest

from driftline.kafka.confluent import writer as confluent_writer
from driftline.kafka.confluent.client import ConfluentClient
from driftline.kafka.interface import Client, Writer
from driftline.kafka.kafka_python import writer as kafka_python_writer
from driftline.kafka.kafka_python.client import KafkaPythonClient


def impatient_writer(client: Client, name: str, transaction_timeout_ms: int) -> Writer:
    """A transactional writer whose coordinator gives up on a transaction after this long."""
    made: Any = client
    if isinstance(client, KafkaPythonClient):
        return kafka_python_writer.TransactionalWriter(made._common, name, transaction_timeout_ms)
    if isinstance(client, ConfluentClient):
        aborted = made._other.last_transaction_aborted
        return confluent_writer.TransactionalWriter(made._settings, name, aborted, transaction_timeout_ms)
    raise TypeError(client.name)


def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call of a writer waits longer than two or three seconds for a broker."""
    monkeypatch.setattr(confluent_writer, "COMMIT_TIMEOUT", 3.0)
    monkeypatch.setattr(kafka_python_writer, "COMMIT_TIMEOUT_MS", 3_000)
