"""What a line of a service's log says of itself, read as a log collector reads it."""

import json
import subprocess
import sys
from typing import Any

from driftline.tracing.identity import Identity

SERVICE = """
import threading
import structlog
from driftline.service.logs import configure_logs
from driftline.tracing.identity import Identity

log = structlog.get_logger()
configure_logs(IDENTITY, service="consumer-0", stream="pumps")
log.debug("batch answered")
log.info("retraining asked for", job="job-1", drift_event="drift-1")
log.info("retraining asked for", job="job-1", drift_event=None)
beside = threading.Thread(target=lambda: log.warning("records refused", offset=7))
beside.start()
beside.join()
"""


def lines(identity: str, **environment: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE.replace("IDENTITY", identity)],
        capture_output=True, text=True, check=True, env=environment | {"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert ended.stdout == ""
    return ended.stderr.splitlines()


def told(identity: str, **environment: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(identity, **environment)]


def test_every_line_names_its_service_and_stream_from_any_thread() -> None:
    found = told("None")
    assert [line["event"] for line in found] == ["retraining asked for", "retraining asked for", "records refused"]
    assert {(line["service"], line["stream"]) for line in found} == {("consumer-0", "pumps")}
    assert all("trace" not in line for line in found)


def test_a_line_of_the_loop_names_its_trace() -> None:
    identity = Identity("pumps", 0.1)
    found = told('Identity("pumps", 0.1)')
    expected = [f"{identity.trace(name):032x}" for name in ("drift-1", "job-1")]
    assert [line.get("trace") for line in found] == [*expected, None]


def test_levels_and_forms_are_the_environments() -> None:
    assert [line["event"] for line in told("None", DRIFTLINE_LOG="warning")] == ["records refused"]
    assert len(told("None", DRIFTLINE_LOG="debug")) == 4
    (line,) = lines("None", DRIFTLINE_LOG="warning", DRIFTLINE_LOG_FORMAT="text")
    assert "records refused" in line and "consumer-0" not in line
