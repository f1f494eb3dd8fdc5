"""The walk-through of docs/start.md, walked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from driftline.spec import load_spec
from tests.docs.pages import ROOT, Block, blocks, driftline_commands

PAGE = ROOT / "docs" / "start.md"


def written(language: str, containing: str) -> Block:
    return next(block for block in blocks(PAGE) if block.language == language and containing in block.text)


def driftline(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "driftline", *arguments],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")},
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            # The width at which the page's outputs were taken.
            "COLUMNS": "100",
            **environment,
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data that the page's script makes, and the specification that its command writes."""
    folder = tmp_path_factory.mktemp("start")
    subprocess.run([sys.executable, "-c", written("python", "pumps.csv").text], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def said(walk: Path) -> str:
    command = next(written("console", "driftline init").commands())
    (arguments,) = driftline_commands(command)
    done = driftline(walk, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestTheFirstStream:
    def test_init_says_what_the_page_shows(self, said: str) -> None:
        shown = written("console", "driftline init").text.split("\n", 1)[1]
        assert [line.rstrip() for line in said.strip().splitlines()] == [
            line.rstrip() for line in shown.strip().splitlines()
        ]

    def test_init_writes_the_specification_that_the_page_shows(self, walk: Path, said: str, tmp_path: Path) -> None:
        (tmp_path / "shown.yaml").write_text(written("yaml", "stream: pumps").text)
        assert load_spec(tmp_path / "shown.yaml", {}) == load_spec(walk / "stream.yaml", {})

    def test_train_makes_a_first_model(self, walk: Path, said: str) -> None:
        # As on the page, but for fewer rows and passes: whether it runs is asked here, not how good it gets.
        done = driftline(walk, "train", "pumps.csv", "--stop-row", "120", DRIFTLINE_TRAINING__EPOCHS="2")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("version 1: accuracy ")
        assert (walk / "models" / "pumps" / "1" / "saved_model.pb").exists()
        listed = driftline(walk, "models", "list")
        assert "●  1" in listed.stdout
