"""Which Kafka client serves a stream, and how it reaches the cluster."""

from dataclasses import dataclass

from driftline.errors import DriftlineError
from driftline.kafka.interface import Client, TopicRequest
from driftline.spec.sections import KafkaSpec
from driftline.spec.stream import StreamSpec


class NoCluster(DriftlineError):
    """No Kafka cluster answers at the address the specification gives."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that has been settled: never 'embedded'."""

    bootstrap: str
    spec: KafkaSpec
    instance: str = "driftline"
    """Name of this process in the cluster's eyes: client id and, with its group, transactional id."""


def connect(endpoint: Endpoint) -> Client:
    """A client for the cluster at `endpoint`.

    Raises
    ------
    NoCluster : nothing answers there.
    """
    # Imported here: a client library costs 0.1-0.2 s, which `--help` and the pure cores need not pay.
    from driftline.kafka.kafka_python.client import KafkaPythonClient

    return KafkaPythonClient(endpoint)


def topic_requests(spec: StreamSpec) -> list[TopicRequest]:
    """The stream's topics as they are to be created."""
    hours = spec.kafka.retention_hours
    return [
        TopicRequest(
            name=plan.name,
            partitions=spec.kafka.partitions if plan.co_partitioned else 1,
            replication=spec.kafka.replication,
            config={
                "cleanup.policy": plan.cleanup,
                **(
                    {}
                    if plan.cleanup == "compact"
                    else {"retention.ms": "-1" if plan.keep_forever else str(hours * 3_600_000)}
                ),
            },
        )
        for plan in spec.topics.plans()
    ]
