"""The embedded broker of a workspace: started, noted where other commands find it, and stopped."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from driftline.broker.embedded import EmbeddedBroker
from driftline.errors import UsageError
from driftline.workspace import Workspace


@contextmanager
def embedded_session(workspace: Workspace, port: int | None = None) -> Iterator[str]:
    """Run the embedded broker for as long as the context lasts; yields its bootstrap address.

    Raises
    ------
    UsageError : one is already running for this stream.
    """
    note = workspace.broker_note()
    if note is not None:
        raise UsageError(
            f"an embedded broker is already running for {workspace.path} (at {note['bootstrap']}, process "
            f"{note['pid']}); stop that one first"
        )
    with EmbeddedBroker(log=workspace.state / "logs" / "broker.log", port=port) as broker:
        workspace.write_note("broker", {"pid": broker.pid, "owner": os.getpid(), "bootstrap": broker.bootstrap})
        try:
            yield broker.bootstrap
        finally:
            workspace.remove_note("broker")
