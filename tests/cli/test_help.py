"""Every command says what it does and what it can be told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from driftline import __version__
from driftline.cli.app import app
from tests.cli.conftest import Run

ISSUED = {
    "demo", "init", "explore", "train", "backtest", "tune", "retrain", "labels-wanted", "report", "drift", "up",
    "status", "doctor", "spec", "acls", "topics",
    "run consumer", "run monitor", "run trainer", "run alerts", "run notifier", "run broker", "run console",
    "produce replay", "produce simulate",
    "models list", "models show", "models card", "models promote", "models rollback",
}  # fmt: skip


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
    for name, one in (below or {}).items():
        yield from commands(one, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


def test_all_that_was_promised_is_there() -> None:
    assert {" ".join(path) for path in ALL} == ISSUED


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_names_every_option_with_its_meaning(cli: Run, path: tuple[str, ...]) -> None:
    said = cli(*path, "--help")
    assert said.code == 0
    assert said.err == ""
    command = ALL[path]
    assert command.help
    assert command.help.split("\n")[0].split(".")[0][:60] in said.out
    for parameter in command.params:
        if parameter.name == "help":
            continue
        assert getattr(parameter, "help", None), f"{parameter.name} has no help"
        if parameter.param_type_name == "option":
            assert all(name in said.out for name in parameter.opts)
        else:
            assert parameter.name.lower() in said.out.lower()


@pytest.mark.parametrize("path", [(), ("run",), ("produce",), ("models",)], ids=" ".join)
def test_a_group_without_a_command_lists_what_there_is(cli: Run, path: tuple[str, ...]) -> None:
    said = cli(*path)
    below = {one[len(path)] for one in ALL if one[: len(path)] == path}
    assert all(name in said.out + said.err for name in below)


def test_the_version(cli: Run) -> None:
    assert cli("--version").out == f"driftline {__version__}\n"


def test_python_dash_m_is_the_command(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-m", "driftline", "status"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == (
        "driftline: stream.yaml: no such file. `driftline init DATA.csv` writes one from a data file.\n"
    )


def test_the_front_door_brings_no_heavy_library() -> None:
    heavy = ["tensorflow", "keras", "pandas", "kafka", "river", "scipy", "matplotlib", "ai_edge_litert"]
    script = f"import sys, driftline.cli.app; print([m for m in {heavy!r} if m in sys.modules])"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "[]\n", ran.stderr
