"""`driftline up`: every service of a stream on this machine, kept running, in one terminal."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.options import DEFAULT_SPEC, HeadlessOption, ReportOption, SpecOption, open_workspace, write_report


def register(app: typer.Typer) -> None:
    app.command("up")(up)


def up(
    spec: SpecOption = DEFAULT_SPEC,
    consumers: Annotated[int, typer.Option(min=1, max=64, help="Consumer processes.")] = 1,
    headless: HeadlessOption = False,
    report: ReportOption = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop by itself after so long.")] = None,
) -> None:
    """Start every service (and the embedded broker, if the specification says so) and show them until Ctrl-C.

    A service that dies is started again. Logs are in .driftline/logs/ beside the specification.
    """
    from rich.console import Console

    from driftline.broker.session import embedded_session
    from driftline.kafka.connect import connect, topic_requests
    from driftline.service.runtime import StopSignals
    from driftline.supervise import Supervisor
    from driftline.watch.overview import Overview

    workspace = open_workspace(spec)
    path, console = Path(spec).resolve(), Console()
    stopping = StopSignals()
    with ExitStack() as stack:
        if workspace.spec.kafka.bootstrap == "embedded":
            console.print(f"embedded broker at {stack.enter_context(embedded_session(workspace))}")
        client = connect(workspace.endpoint("driftline-up"))
        client.ensure_topics(topic_requests(workspace.spec))
        supervisor = Supervisor(workspace.state / "logs")
        stack.callback(supervisor.stop)
        for name in [*(f"consumer-{i}" for i in range(consumers)), "monitor-0", "trainer-0"]:
            supervisor.add(name, ["run", name.rsplit("-", 1)[0], "--spec", str(path), "--instance", name])
        overview = Overview(workspace, client, supervisor)
        stack.callback(overview.close)
        started = time.monotonic()
        overview.run(console, lambda: stopping() or _over(started, seconds), live=not headless and console.is_terminal)
        result: dict[str, Any] = overview.report() | {"seconds": round(time.monotonic() - started, 1)}
        console.print("stopping…")
    write_report(report, result)


def _over(started: float, seconds: float | None) -> bool:
    return seconds is not None and time.monotonic() - started >= seconds
