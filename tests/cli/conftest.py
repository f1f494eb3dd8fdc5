"""The command as a person runs it, in an empty folder of its own."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftline.cli.app import main
from driftline.records import ModelEventKind
from driftline.service import runtime
from driftline.spec import dump_spec
from driftline.workspace import Workspace
from tests.registry.made import add_version
from tests.streams import NOW, numeric_stream


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one message of a command that could not be carried out."""
        assert "Traceback" not in self.err + self.out
        assert self.err.startswith("driftline: ")
        assert self.out == ""
        return self.err.removeprefix("driftline: ").removesuffix("\n")


Run = Callable[..., Said]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs `driftline ARGUMENTS…` in this process: a process each would cost half a second a test."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DRIFTLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    # Logs are set up once a process, for its stderr; this process has other tests to run, and other stderrs.
    monkeypatch.setattr(runtime, "configure_logs", lambda *_, **fields: None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["driftline", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        caught = capsys.readouterr()
        return Said(code if isinstance(code, int) else 0, caught.out, caught.err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def stream(cli: Run, tmp_path: Path) -> Workspace:
    """A stream whose specification is `stream.yaml` of the command's folder; its registry is empty."""
    path = tmp_path / "stream.yaml"
    path.write_text(dump_spec(numeric_stream()))
    return Workspace(path)


@pytest.fixture
def versions(stream: Workspace, tmp_path: Path) -> Workspace:
    """Three versions; the second is in service, and the first was before."""
    scratch = tmp_path / "scratch"
    for number in (1, 2, 3):
        add_version(stream.registry, stream.spec, scratch, number, accuracy=(80 + number) / 100)
    for number in (1, 2):
        stream.registry.set_champion(number, ModelEventKind.PROMOTED, now_ms=NOW + number)
    return stream
