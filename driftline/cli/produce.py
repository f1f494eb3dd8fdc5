"""`driftline produce`: records and labels onto the stream, from a file or from a simulated fleet."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.errors import UsageError
from driftline.kafka.interface import Writer
from driftline.workspace import Workspace

app = typer.Typer(help="Put feature records and labels onto the stream.", no_args_is_help=True)

Rate = Annotated[str, typer.Option(help="Records a second, or 'max'.")]
Delay = Annotated[
    str, typer.Option("--label-delay", help="How long after its record a label follows: '200 records', '5s'.")
]
Jitter = Annotated[float, typer.Option(help="Share of the delay by which each label's own delay varies, 0 to 1.")]
Missing = Annotated[float, typer.Option("--missing-labels", help="Share of the labels that never arrive, 0 to 1.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same stream.")]

# What `simulate` does without a plan: a fleet whose world changes once, soon enough to be seen at the default rate.
DEFAULT_FLEET: dict[str, Any] = {"drift": [{"at": 5_000, "kind": "abrupt", "target": "concept"}]}


@app.command()
def replay(
    data: Annotated[Path, typer.Argument(help="A CSV (also compressed) or Parquet file.")],
    spec: SpecOption = DEFAULT_SPEC,
    rate: Rate = "1000",
    label_delay: Delay = "100 records",
    jitter: Jitter = 0.0,
    missing_labels: Missing = 0.0,
    devices: Annotated[int, typer.Option(help="Simulated devices, where the file does not say who measured.")] = 8,
    start_row: Annotated[int, typer.Option(help="First row, counted from 0.")] = 0,
    stop_row: Annotated[int | None, typer.Option(help="Row to stop before.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again after the last row, until Ctrl-C.")] = False,
    seed: Seed = 1,
    prefix: Annotated[
        str | None,
        typer.Option(help="Record ids are this and the row number; give another to replay the same rows again."),
    ] = None,
    report: ReportOption = None,
) -> None:
    """Replay a data file as if its rows were measured now; labels follow later, as in life."""
    from producers.delay import LabelDelay
    from producers.replay import ReplayPlan
    from producers.run import run_replay
    from producers.schedule import parse_rate

    plan = ReplayPlan(
        rate=parse_rate(rate),
        label_delay=LabelDelay.parse(label_delay),
        jitter=jitter,
        missing_labels=missing_labels,
        seed=seed,
        devices=devices,
        start_row=start_row,
        stop_row=stop_row,
        loop=loop,
        prefix=prefix,
    )
    workspace = open_workspace(spec)
    write_report(
        report,
        _run(workspace, data.name, lambda writer, *rest: run_replay(workspace.spec, data, plan, writer, *rest)),
    )


@app.command()
def simulate(
    plan: Annotated[
        Path | None, typer.Argument(help="A fleet plan in YAML: its drifts and faults; see docs/producers.md.")
    ] = None,
    spec: SpecOption = DEFAULT_SPEC,
    records: Annotated[int | None, typer.Option(min=1, help="Records in all; without end by default.")] = None,
    rate: Annotated[str | None, typer.Option(help="Records a second, or 'max'; overrides the plan's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Overrides the plan's.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the first RECORDS as a CSV instead: rows for a first model. Nothing is sent."),
    ] = None,
    report: ReportOption = None,
) -> None:
    """Simulate a fleet of devices whose world changes on schedule, with the truth known."""
    from producers.fleet.fleet import Fleet
    from producers.fleet.plan import parse_fleet
    from producers.fleet.table import table
    from producers.run import run_fleet
    from producers.schedule import parse_rate

    workspace = open_workspace(spec)
    document = _read_plan(plan) if plan else dict(DEFAULT_FLEET)
    document |= {key: value for key, value in (("records", records), ("seed", seed)) if value is not None}
    if rate is not None:
        parsed = parse_rate(rate)
        document["rate"] = "max" if parsed is None else parsed
    fleet = parse_fleet(document)
    fleet.check(workspace.spec)
    if out is not None:
        if fleet.records is None:
            raise UsageError("--out: a file has an end; give --records, or records in the plan")
        _write_rows(table(workspace.spec, Fleet(workspace.spec, fleet).rows()), out)
        return
    write_report(
        report,
        _run(workspace, "simulated fleet", lambda writer, *rest: run_fleet(workspace.spec, fleet, writer, *rest)),
    )


def _write_rows(rows: Any, out: Path) -> None:
    try:
        rows.to_csv(out, index=False)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None
    typer.echo(f"{len(rows):,} rows in {out}")


def _read_plan(path: Path) -> dict[str, Any]:
    import yaml

    from driftline.spec.explain import explain_yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"PLAN {path}: cannot be read: {error.strerror}") from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"PLAN {path}: not valid YAML: {explain_yaml(error)}") from None
    if not isinstance(document, dict):
        raise UsageError(f"PLAN {path}: expected a mapping of fields, read {document!r:.60}")
    return document


def _run(workspace: Workspace, title: str, produce: Callable[..., dict[str, int | float]]) -> dict[str, int | float]:
    """Connect, show progress, and produce until the end or Ctrl-C."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from driftline.kafka.connect import connect, topic_requests
    from driftline.service.runtime import StopSignals
    from driftline.tracing.export import open_exporter
    from driftline.tracing.identity import Identity
    from producers.clock import SystemClock
    from producers.run import Progress as Produced
    from producers.tracing import SendTraces

    stopping = StopSignals()
    wanted, stream = workspace.spec.observability.traces, workspace.spec.stream
    exporter = open_exporter(wanted, workspace.folder, stream, f"producer-{os.getpid()}", "producer")
    traces = None
    if exporter is not None:
        identity = Identity(stream, wanted.share)
        traces = SendTraces(workspace.spec.topics.features, identity, exporter, time.time_ns)
    client = connect(workspace.endpoint("driftline-producer"))
    client.ensure_topics(topic_requests(workspace.spec))
    writer: Writer = client.writer()
    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[labels]} labels"),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(title, total=None, labels=0)

            def show(done: Produced) -> None:
                bar.update(task, completed=done.records, total=done.total, labels=done.labels)

            result = produce(writer, SystemClock(), show, stopping, traces)
    finally:
        writer.close()
        client.close()
        if exporter is not None:
            exporter.close()
    console.print(
        f"{result['records']:,} records and {result['labels']:,} labels in {result['seconds']:.1f} s"
        + (f"; {result['labels_withheld']:,} labels withheld" if result["labels_withheld"] else "")
        + (f"; {result['labels_unsent']:,} labels were still to come" if result["labels_unsent"] else "")
    )
    return result
