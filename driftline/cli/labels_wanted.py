"""`driftline labels-wanted`: which records to label next."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.records.loop import DriftEvent


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("labels-wanted")(labels_wanted)


def labels_wanted(
    spec: SpecOption = DEFAULT_SPEC,
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=100_000, help="How many.")] = 50,
    records: Annotated[int, typer.Option(min=1, help="Newest predictions to choose from.")] = 20_000,
    out: Annotated[Path | None, typer.Option("--csv", help="Write the list to this file, for whoever labels.")] = None,
    seed: Annotated[int, typer.Option(help="Of the half that is drawn at random.")] = 0,
    report: ReportOption = None,
) -> None:
    """Which records to label next, where labels are dear: half by the model's doubt, half at random.

    After a drift that stands, records since its onset come first. Send the labels to NAME.labels as any others."""
    from rich.console import Console
    from rich.table import Table

    from driftline.kafka.connect import connect
    from driftline.kafka.stretch import read_newest
    from driftline.wanted import wanted
    from driftline.wire.labels import decode_labels
    from driftline.wire.predictions import decode_predictions

    workspace = open_workspace(spec)
    stream, topics = workspace.spec, workspace.spec.topics
    client = connect(workspace.endpoint("driftline-cli"))
    try:
        predictions = decode_predictions(read_newest(client, [topics.predictions], records), len(stream.classes))
        # A label may be older than the newest predictions' own labels; as many again are looked through.
        labels = decode_labels(read_newest(client, [topics.labels], 2 * records), stream.classes)
        told = [
            DriftEvent.from_json(value)
            for batch in read_newest(client, [topics.drift_events])
            for value in batch.values
            if value
        ]
    finally:
        client.close()
    since = onset_of_what_stands(told)
    chosen = wanted(
        predictions, set(labels.record_ids), n, multilabel=stream.task == "multilabel", since=since or 0, seed=seed
    )
    console = Console()
    if not chosen:
        console.print(f"nothing to label: no prediction of the newest {records:,} waits for its truth")
    table = Table(box=None)
    for column in ("record", "device", "answer", "confidence", "margin", "why"):
        table.add_column(column)
    for one in chosen[:20]:
        table.add_row(one.record_id, one.device_id, one.answer, f"{one.confidence:.3f}", f"{one.margin:.3f}", one.why)
    if chosen:
        console.print(table)
        more = f" ({len(chosen) - 20} more)" if len(chosen) > 20 else ""
        console.print(f"{len(chosen)} wanted{more}" + (", since the onset of the drift that stands" if since else ""))
    rows = [asdict(one) for one in chosen]
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file, ["record_id", "device_id", "event_time", "answer", "confidence", "margin", "why", "label"]
            )
            writer.writeheader()
            writer.writerows(rows)
    write_report(report, {"since": since, "wanted": rows})


def onset_of_what_stands(told: list[DriftEvent]) -> int | None:
    """The earliest onset of the events that are not closed, epoch ms; None if nothing stands."""
    standing: dict[str, int | None] = {}
    for event in told:
        if event.state == "closed":
            standing.pop(event.event_id, None)
        else:
            standing[event.event_id] = event.onset.event_time
    return min((time for time in standing.values() if time is not None), default=None)
