"""Which Kafka client serves a stream, and how it reaches the cluster."""

from dataclasses import dataclass
from importlib.util import find_spec

from driftline.errors import DriftlineError, UsageError
from driftline.kafka.interface import Client, TopicRequest
from driftline.spec.sections import KafkaSpec
from driftline.spec.stream import StreamSpec
from driftline.topics import TopicPlan

# The instance of a process that was given no name of its own: others may run beside it.
UNNAMED = "driftline"


class NoCluster(DriftlineError):
    """No Kafka cluster answers at the address the specification gives."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that has been settled: never 'embedded'."""

    bootstrap: str
    spec: KafkaSpec
    instance: str = UNNAMED
    """Name of this process in the cluster's eyes: client id, static member of its groups and, with its stream,
    transactional id."""

    @property
    def static_member(self) -> str | None:
        """The name under which this process keeps its place in a group over a restart; None for one without a name."""
        return None if self.instance == UNNAMED else self.instance


def connect(endpoint: Endpoint, *, exclusive: bool = False) -> Client:
    """A client for the cluster at `endpoint`, of the library that `kafka.client` names.

    'auto' takes confluent-kafka where it is installed, else kafka-python, which always is.

    Parameters
    ----------
    exclusive : the client will join an exclusive group. Only kafka-python can, and a service's reader and writer must
        be of one library, since offsets are committed with the group's metadata.

    Raises
    ------
    NoCluster : nothing answers there.
    UsageError : a broker answers there and refuses the security settings, or they cannot be used.
    """
    # Imported here: a client library costs 0.1-0.2 s, which `--help` and the pure cores need not pay.
    from driftline.kafka.preflight import refuse_unwelcome

    library = library_for(endpoint.spec)
    refuse_unwelcome(endpoint.bootstrap, endpoint.spec)
    if library == "confluent-kafka" and not exclusive:
        from driftline.kafka.confluent.client import ConfluentClient

        return ConfluentClient(endpoint)
    from driftline.kafka.kafka_python.client import KafkaPythonClient

    return KafkaPythonClient(endpoint)


def library_for(spec: KafkaSpec) -> str:
    """The client library that serves a stream's consumers. Raises UsageError where it is not installed."""
    there = find_spec("confluent_kafka") is not None
    if spec.client == "confluent-kafka" and not there:
        raise UsageError(
            "kafka.client is confluent-kafka, which is not installed: pip install 'driftline[fast]', "
            "or set kafka.client to auto or kafka-python"
        )
    if spec.client == "auto":
        return "confluent-kafka" if there else "kafka-python"
    return spec.client


def topic_requests(spec: StreamSpec) -> list[TopicRequest]:
    """The stream's topics as they are to be created."""
    return [
        TopicRequest(
            name=plan.name,
            partitions=spec.kafka.partitions if plan.co_partitioned else 1,
            replication=spec.kafka.replication,
            config=_config(plan, spec.kafka.retention_hours * 3_600_000),
        )
        for plan in spec.topics.plans()
    ]


def _config(plan: TopicPlan, retention_ms: int) -> dict[str, str]:
    if plan.cleanup == "delete":
        return {"cleanup.policy": "delete", "retention.ms": "-1" if plan.keep_forever else str(retention_ms)}
    if plan.readable_for_retention:
        return {"cleanup.policy": "compact", "min.compaction.lag.ms": str(retention_ms)}
    # The newest segment of a log is never compacted, and by default it lasts a week: who restores would read every
    # checkpoint of that week. With these, at most ten minutes of them or 32 MB.
    return {
        "cleanup.policy": "compact",
        "segment.ms": "600000",
        "segment.bytes": str(32 * 1024 * 1024),
        "min.cleanable.dirty.ratio": "0.1",
    }
