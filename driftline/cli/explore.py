"""`driftline explore DATA`: what a data file holds, on one page, before anything is trained on it."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("explore")(explore)


def explore(
    data: Annotated[
        Path, typer.Argument(help="A CSV (also compressed) or Parquet file with a header, in stream order.")
    ],
    spec: Annotated[
        Path | None, typer.Option("--spec", "-s", help="The stream's specification; by default types are guessed.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The label column; by default label, class, target, y … or the last.")
    ] = None,
    multilabel: Annotated[
        list[str] | None,
        typer.Option(help="A 0/1 column that is one class of a multilabel task; give it once a class."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the page.")] = Path("explore.html"),
    png: Annotated[Path | None, typer.Option("--png", help="A folder to write the pictures into as well.")] = None,
) -> None:
    """Look into a data file: types, gaps, outliers, classes, leakage, drift, and what a specification might say."""
    from rich.console import Console
    from rich.markup import escape

    from driftline.errors import UsageError
    from driftline.explore.exploration import explore as look
    from driftline.explore.findings import findings
    from driftline.explore.page import page_of
    from driftline.spec.load import load_spec
    from driftline.tables import read_table

    if out.is_dir():
        raise UsageError(f"--out {out}: is a directory; expected a file")
    if png is not None and png.exists() and not png.is_dir():
        raise UsageError(f"--png {png}: is a file; expected a folder")
    stream = load_spec(spec) if spec is not None else None
    frame = read_table(data)
    found = look(frame, source=data.name, spec=stream, label=label, multilabel=tuple(multilabel or ()))
    written = page_of(found).write(out, png)
    console = Console()
    kinds = f"{len(found.features)} features of {len(frame.columns)} columns"
    console.print(f"[bold]{escape(data.name)}[/]: {found.rows:,} rows, {kinds}")
    colours = {"bad": "red", "warn": "yellow", "good": "green", "plain": "default"}
    for tone, text in findings(found):
        console.print(f"  [{colours[tone]}]·[/] {escape(text)}", soft_wrap=True)
    more = f" and {len(written) - 1} pictures in {escape(str(png))}" if png is not None else ""
    console.print(f"\npage: [bold]{escape(str(out))}[/]{more}", soft_wrap=True)
