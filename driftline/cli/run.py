"""`driftline run SERVICE`: one service in the foreground, as a container or a unit file would start it."""

from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.options import DEFAULT_SPEC, SpecOption, open_workspace

app = typer.Typer(help="Run one service in the foreground (what `up` does for all of them).", no_args_is_help=True)

Instance = Annotated[
    str | None,
    typer.Option(
        help="This process's name: keep it the same over restarts, and different for each process of a service. "
        "It names the transactions, so that a successor can end what a dead process left open."
    ),
]
Host = Annotated[str, typer.Option("--metrics-host", help="Address of /metrics, /healthz and /readyz.")]
Port = Annotated[int, typer.Option("--metrics-port", min=0, max=65535, help="Its port; 0 takes a free one.")]


@app.command()
def consumer(
    spec: SpecOption = DEFAULT_SPEC, instance: Instance = None, host: Host = "127.0.0.1", port: Port = 0
) -> None:
    """Answer feature records: NAME.features in, NAME.predictions and NAME.dead-letters out."""
    from consumers.service import build
    from driftline.service.runtime import run_service

    run_service(open_workspace(spec), instance or "consumer-0", build, host=host, port=port)


@app.command()
def monitor(
    spec: SpecOption = DEFAULT_SPEC, instance: Instance = None, host: Host = "127.0.0.1", port: Port = 0
) -> None:
    """Watch for drift: predictions, labels and features in, NAME.drift-events and NAME.retraining-jobs out."""
    from driftline.service.runtime import run_service
    from monitoring.service import build

    run_service(open_workspace(spec), instance or "monitor-0", build, host=host, port=port)


@app.command()
def trainer(
    spec: SpecOption = DEFAULT_SPEC, instance: Instance = None, host: Host = "127.0.0.1", port: Port = 0
) -> None:
    """Train on request: NAME.retraining-jobs in, a proven model in the registry and NAME.model-events out."""
    from driftline.service.runtime import run_service
    from training.service import build

    run_service(open_workspace(spec), instance or "trainer-0", build, host=host, port=port)


@app.command()
def console(
    spec: SpecOption = DEFAULT_SPEC,
    instance: Instance = None,
    host: Annotated[str, typer.Option(help="Address to listen at; by default only this machine reaches it.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = 8765,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="DRIFTLINE_CONSOLE_TOKEN_FILE",
            help="Tokens that let people act, one a line, each alone or as NAME:TOKEN; the variable "
            "DRIFTLINE_CONSOLE_TOKEN holds one too. Without any the console is read-only.",
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A further name that the console may be called by; can be given again.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            envvar="DRIFTLINE_CONSOLE_SERVICES",
            metavar="[NAME=]URL",
            help="A service that runs elsewhere (another container, another machine), by the address of its metrics; "
            "can be given again. Those on this machine are found without it.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in this machine's browser.")] = False,
) -> None:
    """Show the loop on a page: accuracy, drift, events, versions, jobs, dead letters; and let people act, by token."""
    from monitoring.console.service import run_console

    run_console(
        open_workspace(spec),
        instance or "console-0",
        host=host,
        port=port,
        token_file=token_file,
        allowed_hosts=tuple(allowed_host or ()),
        services=tuple(service or ()),
        show=show,
    )


@app.command()
def alerts(
    spec: SpecOption = DEFAULT_SPEC,
    instance: Instance = None,
    host: Annotated[
        str, typer.Option(help="Address of the webhook, and of /metrics, /healthz, /readyz.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = 9110,
) -> None:
    """Let alerts act: webhooks of Alertmanager or Grafana in (POST /alerts), retraining jobs out.

    Which alerts do, and how often, stands in `alerts` of the specification. A webhook must show the token of
    DRIFTLINE_ALERTS_TOKEN or `alerts.token_file`."""
    from monitoring.alerts.service import run_alerts

    run_alerts(open_workspace(spec), instance or "alerts-0", host=host, port=port)


@app.command()
def notifier(
    spec: SpecOption = DEFAULT_SPEC, instance: Instance = None, host: Host = "127.0.0.1", port: Port = 0
) -> None:
    """Tell others: drift events, jobs and model events in, webhooks and CloudEvents on NAME.notifications out.

    Who is told of what stands in `notify` of the specification; URLs come from the environment or from files."""
    from driftline.service.runtime import run_service
    from monitoring.notify.service import build

    run_service(open_workspace(spec), instance or "notifier-0", build, host=host, port=port)


@app.command()
def broker(
    spec: SpecOption = DEFAULT_SPEC,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
) -> None:
    """Run the embedded development broker alone (in memory: it forgets everything when it stops)."""
    import time

    from driftline.broker.session import embedded_session
    from driftline.service.runtime import StopSignals

    stopping = StopSignals()
    with embedded_session(open_workspace(spec), port=port or None) as bootstrap:
        typer.echo(f"embedded broker at {bootstrap} (Ctrl-C stops it)")
        while not stopping():
            time.sleep(0.2)
