"""`driftline tune DATA`: better settings for the training, searched on a data file."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("tune")(tune)


def tune(
    data: Annotated[
        Path, typer.Argument(help="A CSV (also compressed) or Parquet file with labels, oldest row first.")
    ],
    spec: SpecOption = DEFAULT_SPEC,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Most trials, those of earlier runs counted; by default training.tuning.trials."),
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, help="Most seconds of this run; by default training.tuning.seconds.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="The search's memory; by default NAME.tuning.jsonl beside the specification.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the best settings into the specification.")] = False,
    start_row: Annotated[int, typer.Option(min=0, help="First row, counted from 0.")] = 0,
    stop_row: Annotated[int | None, typer.Option(min=1, help="Row to stop before.")] = None,
    report: ReportOption = None,
) -> None:
    """Search better settings for the training; a second run goes on where the first one ended."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from driftline.tables import read_table

    workspace, console = open_workspace(spec), Console()
    frame = read_table(data)
    if start_row >= len(frame):
        raise UsageError(f"--start-row: read {start_row}; {data} has {len(frame):,} rows, counted from 0")
    file = study or spec.with_name(f"{workspace.spec.stream}.tuning.jsonl")
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"--study {file}: expected a file in a folder that exists")
    # Only now: it imports TensorFlow, and nobody should wait seconds to be told of a misspelt file name.
    from training.data import from_frame
    from training.tune import Trial
    from training.tune import tune as search

    dataset = from_frame(workspace.spec, frame.iloc[start_row:stop_row])
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None, note="")

        def show(number: int, news: Any) -> None:
            if isinstance(news, Trial):
                said = "given up" if news.state == "pruned" else news.error if news.error else f"{news.value:.4f}"
                name = "current settings" if news.baseline else f"{_one_line(news.settings)}"
                bar.console.print(f"trial {number}: {said}  {name}", soft_wrap=True, markup=False, highlight=False)
            else:
                loss = "" if news.val_loss is None else f"loss {news.val_loss:.3f}"
                bar.update(task, description=f"trial {number}", completed=news.epoch, total=news.epochs, note=loss)

        found = search(workspace.spec, dataset, file, trials=trials, seconds=seconds, progress=show)
    for line in _summary(found):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    written = _apply(spec, found, console) if apply else False
    write_report(report, _report(found, file, written))


def _summary(found: Any) -> list[str]:
    """What was found, as a person reads it; the lines to paste last."""
    states = [trial.state for trial in found.history]
    lines = [
        f"{len(states)} trials ({found.resumed} of earlier runs): {states.count('complete')} complete, "
        f"{states.count('pruned')} given up, {states.count('failed')} failed; {found.seconds:.0f} s"
    ]
    if found.gain <= 0:
        lines.append(
            f"no trial beats the current settings: {found.objective} {found.baseline.value:.4f} on the validation rows"
        )
        return lines
    best, now = found.held_out["best"], found.held_out["baseline"]
    lines.append(
        f"trial {found.best.number} is best: {found.objective} {found.best.value:.4f} on the validation rows, against "
        f"{found.baseline.value:.4f} of the current settings (better by {found.gain:.4f})"
    )
    lines.append(
        f"on {best.rows:,} held-out rows, which chose nothing: accuracy {best.accuracy:.3f} against "
        f"{now.accuracy:.3f}, log loss {best.log_loss or 0:.3f} against {now.log_loss or 0:.3f}; "
        f"paired test p = {found.p_value:.2g}"
    )
    if best.accuracy < now.accuracy or found.p_value > 0.1:
        lines.append(
            "the held-out rows do not confirm the gain: more rows or trials, or leave the settings as they are"
        )
    import yaml

    settings = yaml.safe_dump(_nested(found.best.settings), sort_keys=False, default_flow_style=None).rstrip()
    return [*lines, "", settings]


def _apply(spec: Path, found: Any, console: Any) -> bool:
    """Write the best settings into the specification's text; the file is replaced as a whole."""
    if found.gain <= 0:
        console.print(f"--apply: nothing to write, {spec} stays as it is", soft_wrap=True, highlight=False)
        return False
    from driftline.spec.edit import set_fields
    from driftline.spec.load import load_spec

    edited = set_fields(
        spec.read_text(encoding="utf-8"), {f"training.{path}": value for path, value in found.best.settings.items()}
    )
    beside = spec.with_name(f".{spec.name}.new")
    try:
        beside.write_text(edited.text, encoding="utf-8")
        load_spec(beside)
        os.replace(beside, spec)
    except OSError as error:
        raise UsageError(f"--apply: {spec} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
    console.print(f"written to {spec}; comments are kept", soft_wrap=True, highlight=False)
    for comment in edited.comments_lost:
        console.print(f"  · lost, it stood inside a value: # {comment}", soft_wrap=True, markup=False, highlight=False)
    return True


def _report(found: Any, file: Path, written: bool) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "study": {"file": str(file), "name": found.study, "resumed": found.resumed},
        "objective": found.objective,
        "trials": len(found.history),
        "seconds": found.seconds,
        "best": asdict(found.best),
        "baseline": asdict(found.baseline),
        "gain": found.gain,
        "held_out": {name: evaluation.model_dump() for name, evaluation in found.held_out.items()},
        "p_value": found.p_value,
        "applied": written,
        "history": [asdict(trial) for trial in found.history],
    }


def _one_line(settings: dict[str, Any]) -> str:
    return ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in settings.items())


def _nested(settings: dict[str, Any]) -> dict[str, Any]:
    """By path → as the specification nests them."""
    document: dict[str, Any] = {"training": {}}
    for path, value in settings.items():
        *sections, name = path.split(".")
        place = document["training"]
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return document
