"""`driftline init DATA`: from a data file to a stream's specification."""

from pathlib import Path
from typing import Annotated

import typer

from driftline.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    data: Annotated[Path, typer.Argument(help="A CSV (also compressed) or Parquet file with a header.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the specification.")] = Path("stream.yaml"),
    name: Annotated[str | None, typer.Option(help="The stream's name; by default from the file's.")] = None,
    label: Annotated[
        str | None, typer.Option(help="The label column; by default label, class, target, y … or the last.")
    ] = None,
    multilabel: Annotated[
        list[str] | None,
        typer.Option(help="A 0/1 column that is one class of a multilabel task; give it once a class."),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A column to leave out; may be given again.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing specification.")] = False,
) -> None:
    """Write stream.yaml from a data file: the task, the classes, and each column's type."""
    from rich.console import Console
    from rich.markup import escape

    from driftline.inference import infer_spec, stream_name
    from driftline.spec.load import dump_spec
    from driftline.tables import read_table

    if out.exists() and not force:
        raise UsageError(f"--out: {out} exists already; --force overwrites it, another --out keeps it")
    frame = read_table(data)
    inferred = infer_spec(
        frame, name or stream_name(data), label=label, multilabel=multilabel or (), exclude=exclude or ()
    )
    spec, console = inferred.spec, Console()
    head = (
        f"# The stream {spec.stream}, read from {data.name} by `driftline init`.\n"
        "# Every field, its meaning and its default: `driftline spec --spec FILE` and docs/specification.md.\n"
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(head + dump_spec(spec), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror}") from None
    kinds = [
        f"{len(group)} {kind}"
        for kind, group in (("numeric", spec.numeric), ("categorical", spec.categorical), ("text", spec.text))
        if group
    ]
    console.print(f"[bold]{out}[/]: stream [bold]{spec.stream}[/], {spec.task}, label {escape(repr(spec.label))}")
    console.print(f"  {len(frame):,} rows; features: {', '.join(kinds)}; classes: {escape(_classes(spec.classes))}")
    for note in inferred.notes:
        console.print(f"  · {escape(note)}", soft_wrap=True)
    option = "" if out == Path("stream.yaml") else f" --spec {out}"
    console.print(f"\nnext: [bold]driftline train {data}{option}[/]", soft_wrap=True)


def _classes(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:8])
    return shown if len(classes) <= 8 else f"{shown} … ({len(classes)})"
