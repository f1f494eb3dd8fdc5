"""Opening kafka-python's clients, with one clear error where no broker answers."""

from collections.abc import Callable
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from driftline.kafka.connect import NoCluster

# Longest wait for a first answer. A broker that is there answers within milliseconds, one that is starting within
# seconds; kafka-python's own 30 s makes a wrong address look like a hang.
BOOTSTRAP_TIMEOUT_MS = 10_000


def open_consumer(**settings: Any) -> Any:
    """A KafkaConsumer. Raises NoCluster."""
    return _open(KafkaConsumer, settings)


def open_producer(**settings: Any) -> Any:
    """A KafkaProducer. Raises NoCluster."""
    return _open(KafkaProducer, settings)


def open_admin(**settings: Any) -> Any:
    """A KafkaAdminClient. Raises NoCluster."""
    return _open(KafkaAdminClient, settings)


def _open(kind: Callable[..., Any], settings: dict[str, Any]) -> Any:
    try:
        return kind(**settings, bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS)
    except (KafkaError, OSError) as error:
        raise NoCluster(
            f"no Kafka broker answers at {','.join(settings['bootstrap_servers'])} ({error}); "
            "start one, or set kafka.bootstrap (DRIFTLINE_KAFKA__BOOTSTRAP)"
        ) from error
