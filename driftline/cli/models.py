"""`driftline models`: what the registry holds, and which version answers."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from driftline import operations
from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.records.loop import ModelEvent
from driftline.workspace import Workspace

app = typer.Typer(help="List, show, promote and roll back model versions.", no_args_is_help=True)
Version = Annotated[int, typer.Argument(min=1, help="A version number, as `driftline models list` shows.")]


@app.command("list")
def list_versions(spec: SpecOption = DEFAULT_SPEC, report: ReportOption = None) -> None:
    """All versions, oldest first; the one in service is marked."""
    from rich.console import Console
    from rich.table import Table

    workspace = open_workspace(spec)
    registry = workspace.registry
    champion = registry.champion()
    table = Table(title=f"{workspace.spec.stream} · {registry.location}", title_justify="left", box=None)
    for column in ("", "version", "trained", "rows", "held-out accuracy", "replaced", "because of", "runtime"):
        table.add_column(column)
    rows = []
    for number in registry.versions():
        manifest = registry.manifest(number)
        in_service = champion is not None and champion.version == number
        table.add_row(
            "●" if in_service else "",
            str(number),
            _when(manifest.created_at),
            str(manifest.data.rows),
            f"{manifest.verdict.candidate.accuracy:.3f}",
            str(manifest.replaced_version or "–"),
            manifest.drift_event_id or manifest.data.source,
            manifest.runtime,
        )
        rows.append({"version": number, "in_service": in_service, **manifest.verdict.candidate.model_dump()})
    Console().print(table if rows else f"no versions in {registry.location} yet: `driftline train DATA` makes one")
    write_report(report, {"champion": champion.version if champion else None, "versions": rows})


@app.command()
def show(version: Version, spec: SpecOption = DEFAULT_SPEC, report: ReportOption = None) -> None:
    """Everything a version says of itself: its data, its verdict, what asked for it."""
    from rich.console import Console

    workspace = open_workspace(spec)
    manifest = operations.known(workspace, version)
    console = Console()
    console.print_json(manifest.model_dump_json(exclude={"look_ups"}))
    write_report(report, manifest.model_dump(mode="json"))


@app.command()
def promote(version: Version, spec: SpecOption = DEFAULT_SPEC) -> None:
    """Put a version into service. Consumers swap to it between two batches."""
    workspace = open_workspace(spec)
    _tell(workspace, operations.promote(workspace, version), version)


@app.command()
def rollback(spec: SpecOption = DEFAULT_SPEC) -> None:
    """Put the version that was in service before back into service."""
    workspace = open_workspace(spec)
    _tell(workspace, operations.roll_back(workspace), None)


def _tell(workspace: Workspace, event: ModelEvent | None, version: int | None) -> None:
    if event is None:
        typer.echo(f"version {version} is in service already")
        return
    announced = operations.announce(workspace, event)
    typer.echo(
        f"version {event.version} is now in service (before: {event.previous_version or 'none'})"
        + ("" if announced else "; no broker is running, services will find it in the registry when they start")
    )


def _when(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
