"""What each service needs to be allowed to do, and nothing more: Kafka's access control lists for a stream."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from driftline.spec.stream import StreamSpec

Service = Literal["producer", "consumer", "monitor", "trainer", "alerts", "notifier", "console", "operator"]
SERVICES: tuple[Service, ...] = get_args(Service)
Resource = Literal["topic", "group", "transactional-id"]
Operation = Literal["Read", "Write", "Create", "Describe"]


@dataclass(frozen=True, slots=True)
class Acl:
    """Leave to do one thing. Reading and writing include describing, as Kafka has it.

    Attributes
    ----------
    name : the resource's, or with `prefixed` what its name begins with.
    """

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False


def acls(spec: StreamSpec, service: Service) -> list[Acl]:
    """The least that `service` works with, once the stream's topics are there.

    - 'producer' sends features and labels.
    - 'consumer', 'monitor' and 'trainer' are the services of these names. Their instances must be called
      SERVICE-… (consumer-0), as they are by default: their transactions are named after them.
    - 'console' reads all that a person may see and writes what a person may do; it is a member of no group.
    - 'alerts' and 'notifier' let alerts in and news out, where they run.
    - 'operator' is the person at the command line: `topics`, `doctor`, `models`, `train`, `retrain`, and the screen of
      `up`.
    """
    topics = spec.topics
    match service:
        case "producer":
            return _topics("Write", topics.features, topics.labels)
        case "consumer":
            return [
                *_topics("Read", topics.features, topics.model_events),
                *_topics("Write", topics.predictions, topics.dead_letters),
                *_member(spec, service, f"{spec.stream}.consumers"),
            ]
        case "monitor":
            records = (topics.features, topics.predictions, topics.labels)
            read = (*records, topics.model_events, topics.monitor_state, topics.audit)
            told = (topics.drift_events, topics.retraining_jobs, topics.labels_wanted, topics.monitor_state)
            return [
                *_topics("Read", *read),
                *_topics("Write", *told),
                *_member(spec, service, f"{spec.stream}.monitors"),
            ]
        case "trainer":
            return [
                *_topics("Read", topics.retraining_jobs, topics.features, topics.labels),
                *_topics("Write", topics.model_events),
                *_member(spec, service, f"{spec.stream}.trainers"),
            ]
        case "console":
            seen = (topics.features, topics.predictions, topics.labels, topics.dead_letters)
            told = (topics.drift_events, topics.retraining_jobs, topics.model_events, topics.audit)
            return [
                *_topics("Read", *seen, *told),
                *_topics("Write", topics.retraining_jobs, topics.model_events, topics.audit),
            ]
        case "alerts":
            return [
                *_topics("Read", topics.retraining_jobs),
                *_topics("Describe", topics.features, topics.labels),
                *_topics("Write", topics.retraining_jobs),
            ]
        case "notifier":
            return [
                *_topics("Read", topics.drift_events, topics.retraining_jobs, topics.model_events),
                *_topics("Write", topics.notifications),
                *_member(spec, service, f"{spec.stream}.notifiers"),
            ]
        case "operator":
            return [
                Acl("topic", f"{spec.stream}.", "Create", prefixed=True),
                Acl("topic", f"{spec.stream}.", "Describe", prefixed=True),
                *_topics("Read", topics.drift_events, topics.retraining_jobs, topics.model_events),
                *_topics("Write", topics.model_events, topics.retraining_jobs),
            ]


def commands(found: Iterable[Acl], principal: str, bootstrap: str) -> Iterator[str]:
    """The lines for a shell that give `found` to `principal` ('User:NAME') by Kafka's own tool, without its secrets."""
    grouped: dict[tuple[Resource, Operation, bool], list[str]] = {}
    for acl in found:
        grouped.setdefault((acl.resource, acl.operation, acl.prefixed), []).append(acl.name)
    for (resource, operation, prefixed), names in grouped.items():
        words = ["kafka-acls.sh", "--bootstrap-server", bootstrap, "--command-config", "admin.properties"]
        words += ["--add", "--allow-principal", principal, "--operation", operation]
        words += [word for name in names for word in (f"--{resource}", name)]
        yield shlex.join([*words, *(["--resource-pattern-type", "prefixed"] if prefixed else [])])


def _topics(operation: Operation, *names: str) -> list[Acl]:
    return [Acl("topic", name, operation) for name in names]


def _member(spec: StreamSpec, service: Service, group: str) -> Iterator[Acl]:
    yield Acl("group", group, "Read")
    if spec.kafka.guarantee == "exactly-once":
        yield Acl("transactional-id", f"{spec.stream}.{service}-", "Write", prefixed=True)
