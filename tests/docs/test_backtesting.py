"""The command that docs/backtesting.md shows, run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, driftline_commands

pytest.importorskip("tensorflow", reason="TensorFlow comes with the extra 'train'")
pytest.importorskip("matplotlib", reason="matplotlib comes with the extra 'plots'")


def test_the_command_of_the_page_works(tmp_path: Path) -> None:
    (block,) = [block for block in blocks(ROOT / "docs" / "backtesting.md") if block.language == "console"]
    ((arguments,),) = [list(driftline_commands(command)) for command in block.commands()]
    (tmp_path / "driftline").symlink_to(ROOT / "driftline")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTLINE_")}
    # As on the page, but for fewer passes: whether it runs is asked here, not how good the models get.
    environment |= {"PYTHONPATH": str(ROOT), "DRIFTLINE_TRAINING__EPOCHS": "4"}
    done = subprocess.run(
        [sys.executable, "-m", "driftline", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "take policy: accuracy 0." in done.stdout or "take never: accuracy 0." in done.stdout
    said = json.loads((tmp_path / "backtest.json").read_text())
    assert list(said["strategies"]) == ["never", "policy", "no-change"]
    assert said["records"] == 5_325
    assert said["strategies"]["policy"]["detected"] >= 1
    assert (tmp_path / "backtest.html").read_text().count("<figure>") == 4
