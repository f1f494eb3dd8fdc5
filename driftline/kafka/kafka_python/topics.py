"""Creating a stream's topics, as far as this user may see and create them."""

from collections.abc import Sequence
from typing import Any

from kafka.admin import NewTopic
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from driftline.kafka.interface import KafkaFault, TopicRequest
from driftline.kafka.kafka_python.connecting import open_admin

_FORBIDDEN = (TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno)


def ensure_topics(common: dict[str, Any], plans: Sequence[TopicRequest]) -> list[str]:
    """Create what is missing; returns the names created.

    A topic that this user may not even see is not one that it works with: whether it exists is left to those who may.

    Parameters
    ----------
    common : what every kafka-python client of this cluster is opened with.

    Raises
    ------
    KafkaFault : a partition count differs, or a topic is missing and cannot be created.
    """
    admin = open_admin(**common)
    try:
        missing = _missing(admin, {plan.name: plan for plan in plans})
        return _create(admin, missing) if missing else []
    except KafkaError as error:
        raise KafkaFault(f"topics cannot be created at {','.join(common['bootstrap_servers'])}: {error}") from error
    finally:
        admin.close()


def refuse_hidden(common: dict[str, Any], names: Sequence[str]) -> None:
    """Raise KafkaFault if this user may not see one of these topics; kafka-python would wait for it without a word."""
    admin = open_admin(**common)
    try:
        answers = admin.describe_topics(list(names))
    except KafkaError as error:
        raise KafkaFault(f"topics cannot be looked up: {error}") from error
    finally:
        admin.close()
    for topic in answers:
        if topic["error_code"] in _FORBIDDEN:
            raise KafkaFault(
                f"topic {topic['name']}: not allowed: this user has no right to read it; "
                "`driftline acls` shows what each service needs"
            )


def _missing(admin: Any, wanted: dict[str, TopicRequest]) -> list[TopicRequest]:
    missing = []
    for topic in admin.describe_topics(list(wanted)):
        plan, code = wanted[topic["name"]], topic["error_code"]
        if code == UnknownTopicOrPartitionError.errno:
            missing.append(plan)
        elif not code and (there := len(topic["partitions"])) != plan.partitions:
            raise KafkaFault(
                f"topic {plan.name} has {there} partitions, and kafka.partitions in the specification says "
                f"{plan.partitions}; features, predictions and labels must have the same number"
            )
    return missing


def _create(admin: Any, plans: Sequence[TopicRequest]) -> list[str]:
    topics = [NewTopic(p.name, p.partitions, p.replication, topic_configs=dict(p.config)) for p in plans]
    created = []
    for answer in admin.create_topics(topics, raise_errors=False)["topics"]:
        name, code = answer["name"], answer["error_code"]
        if code in _FORBIDDEN:
            raise KafkaFault(
                f"topic {name} does not exist, and this user may not create it; `driftline topics`, run by one who "
                "may, does (`driftline acls operator` shows what that takes)"
            )
        # Two services start at once, and one of them is first.
        if code and code != TopicAlreadyExistsError.errno:
            raise KafkaFault(
                f"topic {name} cannot be created: {answer.get('error_message') or for_code(code).__name__}"
            )
        if not code:
            created.append(name)
    admin.wait_for_topics([plan.name for plan in plans])
    return created
