"""`driftline models`: what the registry holds, and which version answers."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.errors import DriftlineError, UsageError
from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.manifest import Manifest
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
    manifest = _manifest(workspace, version)
    console = Console()
    console.print_json(manifest.model_dump_json(exclude={"look_ups"}))
    write_report(report, manifest.model_dump(mode="json"))


@app.command()
def promote(version: Version, spec: SpecOption = DEFAULT_SPEC) -> None:
    """Put a version into service. Consumers swap to it between two batches."""
    _change(open_workspace(spec), version, ModelEventKind.PROMOTED, "promoted by an operator")


@app.command()
def rollback(spec: SpecOption = DEFAULT_SPEC) -> None:
    """Put the version that was in service before back into service."""
    workspace = open_workspace(spec)
    champion = workspace.registry.champion()
    if champion is None or champion.previous_version is None:
        raise UsageError("there is no earlier version in service to go back to; see `driftline models list`")
    _change(workspace, champion.previous_version, ModelEventKind.ROLLED_BACK, "rolled back by an operator")


def _change(workspace: Workspace, version: int, kind: ModelEventKind, reason: str) -> None:
    manifest = _manifest(workspace, version)
    if manifest.model_hash != workspace.spec.model_hash:
        raise UsageError(
            f"version {version} was built for another specification (its task, classes or features differ from "
            f"{workspace.path}) and cannot answer this stream's records"
        )
    champion = workspace.registry.champion()
    if champion is not None and champion.version == version:
        typer.echo(f"version {version} is in service already")
        return
    event = workspace.registry.set_champion(version, kind, now_ms=int(time.time() * 1000), reasons=(reason,))
    announced = announce(workspace, event)
    typer.echo(
        f"version {version} is now in service (before: {event.previous_version or 'none'})"
        + ("" if announced else "; no broker is running, services will find it in the registry when they start")
    )


def announce(workspace: Workspace, event: ModelEvent) -> bool:
    """Send a model event, if the stream's Kafka is up; returns whether it was sent."""
    from driftline.kafka.connect import NoCluster, connect, topic_requests
    from driftline.kafka.interface import Outgoing

    try:
        client = connect(workspace.endpoint("driftline-cli"))
        client.ensure_topics(topic_requests(workspace.spec))
    except NoCluster:
        return False
    except DriftlineError:
        if workspace.spec.kafka.bootstrap == "embedded":
            return False
        raise
    writer = client.writer()
    writer.send(Outgoing(workspace.spec.topics.model_events, [event.to_json()], [event.key]))
    writer.commit(None, {})
    writer.close()
    client.close()
    return True


def _manifest(workspace: Workspace, version: int) -> Manifest:
    versions = workspace.registry.versions()
    if version not in versions:
        there = ", ".join(map(str, versions)) or "none"
        raise UsageError(f"version: read {version}; versions in {workspace.registry.location}: {there}")
    return workspace.registry.manifest(version)


def _when(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
