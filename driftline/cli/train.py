"""`driftline train DATA`: a model from a data file, proven and put into the registry."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("train")(train)


def train(
    data: Annotated[
        str, typer.Argument(help="A CSV (also compressed) or Parquet file, or a Parquet URL; labelled, oldest first.")
    ],
    spec: SpecOption = DEFAULT_SPEC,
    start_row: Annotated[int, typer.Option(min=0, help="First row, counted from 0.")] = 0,
    stop_row: Annotated[int | None, typer.Option(min=1, help="Row to stop before.")] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Read a Parquet file piece by piece, as URLs are: larger than memory.")
    ] = False,
    report: ReportOption = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="Write the new version's model card, an HTML page, to this file.")
    ] = None,
) -> None:
    """Train on a data file, prove the model on its newest rows, and put it into service if it is better."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from driftline.cli.card import require_card, write_card
    from driftline.operations import announce
    from driftline.tables import read_table

    stream = stream or "://" in data

    if card is not None:
        require_card(card)
    started = time.monotonic()
    workspace, console = open_workspace(spec), Console()
    frame = None if stream else read_table(data)
    if frame is not None and start_row >= len(frame):
        raise UsageError(f"--start-row: read {start_row}; {data} has {len(frame):,} rows, counted from 0")
    # Only now: it imports TensorFlow, and nobody should wait seconds to be told of a misspelt file name.
    from training.initial import train_initial, train_streamed

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None, note="")

        def show(stage: str, epoch: Any) -> None:
            if epoch is None:
                bar.update(task, description=stage, completed=0, total=None, note="")
            else:
                bar.update(task, completed=epoch.epoch, total=epoch.epochs, note=f"loss {epoch.loss:.3f}")

        given: dict[str, Any] = {"source": Path(data).name, "progress": show}
        # Trees take as long as the network: only who asks for the figures waits for them.
        given["baselines"] = ("logistic", "boosted") if report else ("logistic",)
        if frame is None:
            rows = (start_row, stop_row)
            outcome = train_streamed(workspace.spec, data, workspace.registry, rows=rows, **given)
        else:
            outcome = train_initial(workspace.spec, frame.iloc[start_row:stop_row], workspace.registry, **given)
    if not outcome.chief:
        console.print("this worker has trained its part; the chief (index 0) writes the version")
        return
    verdict, manifest, event = outcome.verdict, outcome.manifest, outcome.event
    announced = event is not None and announce(workspace, event)
    candidate = verdict.candidate
    name = f"version [bold]{manifest.version}[/]" if manifest else "candidate"
    which = "newest" if workspace.spec.training.split.method == "time" else "held-out"
    console.print(
        f"{name}: accuracy {candidate.accuracy:.3f} on the {which} {candidate.rows:,} rows of {outcome.rows:,}; "
        + ("[green]promoted[/]" if manifest else "[yellow]refused: the model in service stays[/]")
    )
    console.print(_beside(candidate, outcome.baselines))
    if any((outcome.dropped.unlabelled, outcome.dropped.rejected, outcome.dropped.repeated)):
        console.print(f"  · left out: {outcome.dropped}")
    for reason in verdict.reasons:
        console.print(f"  · {reason}", soft_wrap=True)
    for form, export in manifest.exports.items() if manifest else ():
        if export.refused and form not in " ".join(verdict.reasons):
            console.print(f"  · form {form} refused: {export.refused}", soft_wrap=True)
    if event is not None and not announced:
        console.print("  · services will find it in the registry when they start: [bold]driftline up[/]")
    if card is not None and manifest is None:
        console.print("  · no model card: a refused candidate is not stored")
    elif card is not None and manifest is not None:
        write_card(workspace, manifest.version, card)
        console.print(f"  · model card: [bold]{card}[/]", soft_wrap=True)
    result: dict[str, Any] = {
        "task": workspace.spec.task,
        "version": manifest.version if manifest else None,
        "promoted": manifest is not None,
        "rows": outcome.rows,
        "seconds": round(time.monotonic() - started, 2),
        "stages": outcome.seconds,
        "peak_mib": _peak_mib(),
        "metrics": candidate.model_dump(),
        "baselines": {name: other.model_dump() for name, other in outcome.baselines.items()},
        "champion": verdict.champion.model_dump() if verdict.champion else None,
        "runtime": manifest.runtime if manifest else None,
        "exports": {name: form.model_dump() for name, form in manifest.exports.items()} if manifest else {},
    }
    write_report(report, result)


def _beside(candidate: Any, baselines: dict[str, Any]) -> Any:
    """The figures of the network and of what it has to beat, with their 95 % confidence intervals."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    shown = ("accuracy", "balanced_accuracy", "macro_f1", "pr_auc", "log_loss", "calibration_error")
    table.add_column("on the held-out rows")
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right")
    for name, found in {"network": candidate, **baselines}.items():
        cells = []
        for metric in shown:
            value, interval = getattr(found, metric), found.intervals.get(metric)
            cells.append(
                "–"
                if value is None
                else f"{value:.3f}" + (f" [dim]{interval[0]:.2f}–{interval[1]:.2f}[/]" if interval else "")
            )
        table.add_row(name, *cells)
    return table


def _peak_mib() -> float | None:
    """This process's largest resident memory, MiB; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
