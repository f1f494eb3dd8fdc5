"""`driftline drift`: the drift events of a stream, and one of them told whole."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.options import DEFAULT_SPEC, SpecOption, open_workspace
from driftline.drifts.case import Case, find, gather, told
from driftline.drifts.words import (
    CHANGED,
    how_it_unfolded,
    in_short,
    most_blamed,
    what_changed,
    what_was_done,
    when,
    whom_it_hits,
)
from driftline.errors import UsageError
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob
from driftline.spec.policy import PolicySpec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drift")(drift)


def drift(
    event: Annotated[
        str | None,
        typer.Argument(help="The id of an event, a unique beginning of one, or `last`. Without it, all are listed."),
    ] = None,
    spec: SpecOption = DEFAULT_SPEC,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to the screen instead of words.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write one self-contained page with plots of the event to this file.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="A folder to write the page's pictures into too.")] = None,
) -> None:
    """List the drift events of the stream, or tell all that is known of one: what, since when, whom it hits, why.

    Reads the topics, so it needs the broker and nothing else."""
    from driftline.drifts.page import drift_page
    from driftline.kafka.connect import connect
    from driftline.kafka.stretch import read_newest
    from driftline.pages.picture import require_matplotlib

    if html is None and png is not None:
        raise UsageError("--png: read without --html; the pictures are those of the page")
    if html is not None:
        if event is None:
            raise UsageError("--html: read without EVENT; allowed: the page of one event, such as `last`")
        require_matplotlib()
    workspace = open_workspace(spec)
    stream, topics = workspace.spec, workspace.spec.topics
    policy = stream.monitoring.policy
    client = connect(workspace.endpoint("driftline-cli"))

    def loop_records(topic: str, model: Any) -> list[Any]:
        return [model.from_json(value) for batch in read_newest(client, [topic]) for value in batch.values if value]

    try:
        cases = gather(
            loop_records(topics.drift_events, DriftEvent),
            loop_records(topics.retraining_jobs, RetrainingJob),
            loop_records(topics.model_events, ModelEvent),
        )
    finally:
        client.close()
    if event is None:
        _list(stream.stream, cases, as_json=as_json)
        return
    case = find(cases, event)
    if html is not None:
        drift_page(case, policy).write(html, png, option="--html")
    if as_json:
        typer.echo(json.dumps(_told(case), indent=2))
        return
    _tell(case, policy)
    if html is not None:
        typer.echo(f"page: {html}")


def _list(stream: str, cases: list[Case], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"stream": stream, "events": [_told(case) for case in cases]}, indent=2))
        return
    if not cases:
        typer.echo(f"no drift was told on {stream} yet")
        return
    rows = [
        (
            case.event.event_id,
            when(case.opened_at),
            f"{case.event.kind.value} {CHANGED[case.event.kind]}",
            f"{case.event.severity}{'' if case.standing else ', over'}",
            when(case.event.onset.event_time),
            most_blamed(case.event.features),
            in_short(case),
        )
        for case in cases
    ]
    _print(("event", "told", "what", "state", "onset", "features", "done"), rows)


def _tell(case: Case, policy: PolicySpec) -> None:
    typer.echo(_clean(case.event.summary))
    sections = [("What changed", what_changed(case)), ("Whom it hits", whom_it_hits(case.event))]
    sections.append(("What was done", what_was_done(case, policy)))
    if len(case.records) > 1:
        sections.append(("How it unfolded", how_it_unfolded(case)))
    for title, lines in sections:
        typer.echo(f"\n{title}")
        if not lines:
            typer.echo("  nothing stands out")
            continue
        _print((), [(f"  {about}", text) for about, text in lines])


def _print(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=bool(columns), padding=(0, 2, 0, 0))
    width = len(columns) or 2
    for i in range(width):
        # An id that is cut short cannot be copied.
        table.add_column(columns[i] if columns else "", no_wrap=not i and bool(columns), overflow="fold")
    for row in rows:
        table.add_row(*map(_clean, row))
    Console(markup=False, highlight=False, emoji=False).print(table)


def _clean(text: str) -> str:
    """Words of a record without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _told(case: Case) -> dict[str, Any]:
    return {
        **case.event.model_dump(mode="json"),
        "opened_at": case.opened_at,
        "standing": case.standing,
        "jobs": [job.model_dump(mode="json") for job in case.jobs],
        "verdicts": [verdict.model_dump(mode="json") for verdict in case.verdicts],
        "records": [
            {
                "told_at": told(record),
                "state": record.state,
                "revision": record.revision,
                "severity": record.severity,
                "summary": record.summary,
            }
            for record in case.records
        ],
    }
