"""`driftline models card VERSION`: a version's model card, on one page."""

from pathlib import Path
from typing import Annotated

import typer

from driftline.cli.options import DEFAULT_SPEC, SpecOption, open_workspace
from driftline.workspace import Workspace


def register(app: typer.Typer) -> None:
    app.command("card")(card)


def card(
    version: Annotated[int, typer.Argument(min=1, help="A version number, as `driftline models list` shows.")],
    spec: SpecOption = DEFAULT_SPEC,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write the page; by default STREAM-VERSION.html.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="A folder to write the pictures into as well.")] = None,
) -> None:
    """Write a version's model card: figures, curves, importance, layers, and where it came from."""
    workspace = open_workspace(spec)
    out = out or Path(f"{workspace.spec.stream}-{version}.html")
    require_card(out)
    written = write_card(workspace, version, out, png)
    more = f" and {len(written) - 1} pictures in {png}" if png is not None else ""
    typer.echo(f"model card of version {version}: {out}{more}")


def require_card(out: Path) -> None:
    """Raise UsageError where no card can be drawn or written, before the work whose card it is to be."""
    from driftline.errors import UsageError
    from driftline.pages.picture import require_matplotlib

    require_matplotlib()
    if out.is_dir():
        raise UsageError(f"{out}: is a directory; expected a file for the model card")


def write_card(workspace: Workspace, version: int, out: Path, png: Path | None = None) -> list[Path]:
    """Write the card of a version; returns what was written.

    Raises
    ------
    UsageError : there is no such version, or a file cannot be written.
    RegistryError : the version cannot be read.
    """
    from driftline.errors import UsageError
    from driftline.model_card.page import card_page

    registry = workspace.registry
    if version not in (versions := registry.versions()):
        there = ", ".join(map(str, versions)) or "none"
        raise UsageError(f"version: read {version}; versions in {registry.location}: {there}")
    champion = registry.champion()
    in_service = champion is not None and champion.version == version
    return card_page(registry.manifest(version), registry.card(version), in_service=in_service).write(out, png)
