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
    console_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the console; where it is taken, a free one.")
    ] = 8765,
    console: Annotated[bool, typer.Option(help="Show the loop on a page as well (`driftline run console`).")] = True,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop by itself after so long.")] = None,
) -> None:
    """Start every service (and the embedded broker, if the specification says so) and show them until Ctrl-C.

    A service that dies is started again. Logs are in .driftline/logs/ beside the specification.
    """
    from rich.console import Console

    from driftline.broker.session import embedded_session
    from driftline.kafka.connect import connect, topic_requests
    from driftline.service.runtime import StopSignals
    from driftline.supervise import Supervisor, add_console
    from driftline.watch.overview import Overview

    workspace = open_workspace(spec)
    path, screen = Path(spec).resolve(), Console()
    stopping = StopSignals()
    with ExitStack() as stack:
        if workspace.spec.kafka.bootstrap == "embedded":
            screen.print(f"embedded broker at {stack.enter_context(embedded_session(workspace))}")
        client = connect(workspace.endpoint("driftline-up"))
        client.ensure_topics(topic_requests(workspace.spec))
        supervisor = Supervisor(workspace.state / "logs")
        stack.callback(supervisor.stop)
        for name in [*(f"consumer-{i}" for i in range(consumers)), "monitor-0", "trainer-0"]:
            supervisor.add(name, ["run", name.rsplit("-", 1)[0], "--spec", str(path), "--instance", name])
        if console:
            screen.print(f"console at [bold]{add_console(supervisor, path, console_port)}[/]", highlight=False)
        overview = Overview(workspace, client, supervisor)
        stack.callback(overview.close)
        started = time.monotonic()
        overview.run(screen, lambda: stopping() or _over(started, seconds), live=not headless and screen.is_terminal)
        result: dict[str, Any] = overview.report() | {"seconds": round(time.monotonic() - started, 1)}
        screen.print("stopping…")
    write_report(report, result)


def _over(started: float, seconds: float | None) -> bool:
    return seconds is not None and time.monotonic() - started >= seconds
