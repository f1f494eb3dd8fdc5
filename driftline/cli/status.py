"""`driftline status`: what runs, what it does, and what it is waiting for."""

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(spec: SpecOption = DEFAULT_SPEC, report: ReportOption = None) -> None:
    """Show the running services of this stream on this machine, and the version in service."""
    from rich.console import Console
    from rich.table import Table

    from driftline.watch.estimated import estimated, in_words
    from driftline.watch.scrape import look

    workspace = open_workspace(spec)
    stream, console = workspace.spec.stream, Console()
    champion = workspace.registry.champion()
    looks = [look(name, note["url"]) for name, note in workspace.service_notes().items()]
    quality = estimated(looks)
    broker = workspace.broker_note() if workspace.spec.kafka.bootstrap == "embedded" else None
    table = Table(box=None)
    for column in ("service", "state", "read", "written", "lag", "health"):
        table.add_column(column)
    for one in looks:
        table.add_row(
            one.instance,
            "[green]ready[/]" if one.ready else f"[yellow]{one.message}[/]",
            f"{one.total('driftline_records_read_total'):,.0f}",
            f"{one.total('driftline_records_written_total'):,.0f}",
            f"{one.total('driftline_lag_records'):,.0f}",
            f"{one.url}/metrics",
        )
    console.print(
        f"stream [bold]{stream}[/] · version in service: {champion.version if champion else 'none yet'}"
        f" · Kafka: {broker['bootstrap'] + ' (embedded)' if broker else workspace.spec.kafka.bootstrap}"
    )
    if looks:
        console.print(table)
        for line in in_words(quality):
            console.print(line, soft_wrap=True)
    else:
        console.print("no services of this stream are running here: `driftline up` starts them")
    write_report(
        report,
        {
            "stream": stream,
            "champion": champion.version if champion else None,
            **({"estimated": quality} if quality else {}),
            "services": {one.instance: {"ready": one.ready, "message": one.message, **one.detail} for one in looks},
        },
    )
