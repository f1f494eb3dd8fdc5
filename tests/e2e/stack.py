"""A stream's services as real processes on a real broker, for end-to-end tests."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from driftline.broker.guard import guarded
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Client
from driftline.supervise import Supervisor
from driftline.watch.ledger import Ledger
from driftline.watch.scrape import look
from driftline.workspace import Workspace

# Generous: on two busy cores TensorFlow alone takes up to 20 s to import. A wait ends as soon as its condition holds.
PATIENCE = 120.0


class Stack:
    """One running stream."""

    def __init__(self, workspace: Workspace, bootstrap: str, supervisor: Supervisor, client: Client) -> None:
        self.workspace, self.bootstrap, self.supervisor, self.client = workspace, bootstrap, supervisor, client
        self.ledger = Ledger(workspace.spec)
        self._tail = client.tail([plan.name for plan in workspace.spec.topics.plans()])

    def await_ready(self) -> None:
        """Until every service says it is ready."""

        def ready() -> bool:
            notes = self.workspace.service_notes()
            return len(notes) == len(self.supervisor.children) and all(
                look(name, note["url"]).ready for name, note in notes.items()
            )

        self.wait("every service to be ready", ready, lambda: time.sleep(0.2))

    def wait(self, what: str, condition: Callable[[], bool], step: Callable[[], object] | None = None) -> None:
        """Follow the topics until `condition` holds; fails with the services' last words."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if step is None:
                self.ledger.take(self._tail.poll(0.2))
            else:
                step()
            died = [name for name, child in self.supervisor.children.items() if not child.running]
            if died or time.monotonic() > deadline:
                words = "\n".join(f"--- {n}\n{self.supervisor.last_words(n)}" for n in self.supervisor.children)
                raise AssertionError(f"waited for {what}; ended: {died or 'none'}\n{words}")

    def command(self, *arguments: str) -> subprocess.Popen[bytes]:
        """`driftline ARGUMENTS` beside the services."""
        return subprocess.Popen(
            guarded([sys.executable, "-m", "driftline", *arguments, "--spec", str(self.workspace.path)]),
            env={**os.environ, **self.supervisor.environment},
            stdout=subprocess.DEVNULL,
        )

    def close(self) -> None:
        self._tail.close()


@contextmanager
def running(folder: Path, spec: str, bootstrap: str, services: list[str]) -> Iterator[Stack]:
    """Start `services` (of consumer, monitor, trainer) on the stream that `spec` describes, in `folder`."""
    (folder / "stream.yaml").write_text(spec)
    workspace = Workspace(folder / "stream.yaml")
    environment = {"DRIFTLINE_KAFKA__BOOTSTRAP": bootstrap, "DRIFTLINE_KAFKA__SESSION_TIMEOUT_MS": "3000"}
    client = connect(Endpoint(bootstrap, workspace.spec.kafka, "e2e"))
    client.ensure_topics(topic_requests(workspace.spec))
    supervisor = Supervisor(folder / "logs", environment)
    stack = Stack(workspace, bootstrap, supervisor, client)
    try:
        for service in services:
            supervisor.add(
                f"{service}-0", ["run", service, "--spec", str(workspace.path), "--instance", f"{service}-0"]
            )
        yield stack
    finally:
        supervisor.stop()
        stack.close()
