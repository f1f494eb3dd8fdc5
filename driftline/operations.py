"""What a person does to a stream's models by hand: the same from the command line and from the console."""

import time
from contextlib import closing

from driftline.errors import DriftlineError, UsageError
from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.manifest import Manifest
from driftline.workspace import Workspace


def known(workspace: Workspace, version: int) -> Manifest:
    """The manifest of a version. Raises UsageError if there is no such version."""
    versions = workspace.registry.versions()
    if version not in versions:
        there = ", ".join(map(str, versions)) or "none"
        raise UsageError(f"version: read {version}; versions in {workspace.registry.location}: {there}")
    return workspace.registry.manifest(version)


def promote(workspace: Workspace, version: int, reason: str = "promoted by an operator") -> ModelEvent | None:
    """Put a version into service; None if it is there already. The event is still to be announced.

    Raises
    ------
    UsageError : there is no such version, or it was built for another specification.
    """
    return _into_service(workspace, version, ModelEventKind.PROMOTED, reason)


def roll_back(workspace: Workspace, reason: str = "rolled back by an operator") -> ModelEvent | None:
    """Put the version that was in service before into service again. Raises UsageError if there is none."""
    champion = workspace.registry.champion()
    if champion is None or champion.previous_version is None:
        raise UsageError("there is no earlier version in service to go back to; see `driftline models list`")
    return _into_service(workspace, champion.previous_version, ModelEventKind.ROLLED_BACK, reason)


def _into_service(workspace: Workspace, version: int, kind: ModelEventKind, reason: str) -> ModelEvent | None:
    manifest = known(workspace, version)
    if manifest.model_hash != workspace.spec.model_hash:
        raise UsageError(
            f"version {version} was built for another specification (its task, classes or features differ from "
            f"{workspace.path}) and cannot answer this stream's records"
        )
    champion = workspace.registry.champion()
    if champion is not None and champion.version == version:
        return None
    return workspace.registry.set_champion(version, kind, now_ms=int(time.time() * 1000), reasons=(reason,))


def announce(workspace: Workspace, event: ModelEvent, instance: str = "driftline-cli") -> bool:
    """Send a model event, if the stream's Kafka is up; returns whether it was sent."""
    from driftline.kafka.connect import NoCluster, connect, topic_requests
    from driftline.kafka.interface import Outgoing
    from driftline.kafka.sending import send_now

    try:
        client = connect(workspace.endpoint(instance))
        client.ensure_topics(topic_requests(workspace.spec))
    except NoCluster:
        return False
    except DriftlineError:
        if workspace.spec.kafka.bootstrap == "embedded":
            return False
        raise
    with closing(client):
        send_now(client, [Outgoing(workspace.spec.topics.model_events, [event.to_json()], [event.key])])
    return True
