"""Options that several commands share, described once."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.errors import UsageError
from driftline.workspace import Workspace

SpecOption = Annotated[
    Path,
    typer.Option("--spec", "-s", envvar="DRIFTLINE_SPEC", help="The stream's specification.", show_default=True),
]


def _writable(path: Path | None) -> Path | None:
    """Refuse a report that cannot be written before the work whose report it is to be."""
    if path is None:
        return None
    if path.is_dir():
        raise UsageError(f"--report {path}: is a directory; expected a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be written: {error.strerror}") from None
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--report {path}: cannot be written: permission denied")
    return path


ReportOption = Annotated[
    Path | None, typer.Option("--report", callback=_writable, help="Write a JSON report to this file.")
]
HeadlessOption = Annotated[bool, typer.Option("--headless", help="No live screen: plain lines only.")]
DEFAULT_SPEC = Path("stream.yaml")


def open_workspace(spec: Path) -> Workspace:
    """The workspace of a specification, read and checked now.

    Raises
    ------
    SpecError : it cannot be used; the message says why.
    """
    workspace = Workspace(spec)
    _ = workspace.spec
    return workspace


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Write a report as JSON, if one is wanted."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(report, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be written: {error.strerror}") from None
