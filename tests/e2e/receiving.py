"""The alert receiver as a process beside a running stream."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from driftline.broker.guard import guarded
from driftline.workspace import Workspace
from tests.e2e.stack import PATIENCE, Stack

TOKEN = "a-token-of-enough-characters"


@contextmanager
def receiver(stack: Stack) -> Iterator[str]:
    """Its webhook's address."""
    workspace: Workspace = stack.workspace
    process = subprocess.Popen(
        guarded([sys.executable, "-m", "driftline", "run", "alerts", "--port", "0", "--spec", str(workspace.path)]),
        env={**os.environ, **stack.supervisor.environment, "DRIFTLINE_ALERTS_TOKEN": TOKEN},
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while (note := workspace.service_notes().get("alerts-0")) is None:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        yield f"{note['url']}/alerts"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "alerts-0" not in workspace.service_notes()
    finally:
        process.kill()
