"""What the end-to-end tests share: the demonstration's stream and a first model of it, trained once."""

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

DATA = Path(str(files("driftline.demo") / "data" / "insects_abrupt.csv.gz"))
TRAINED = 600


@pytest.fixture(scope="session")
def first_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with version 1 of the stream 'insects', trained by the command on the first rows."""
    folder = tmp_path_factory.mktemp("first-model")
    (folder / "stream.yaml").write_bytes((files("driftline.demo") / "data" / "stream.yaml").read_bytes())
    command = [sys.executable, "-m", "driftline", "train", str(DATA), "--stop-row", str(TRAINED)]
    subprocess.run([*command, "--spec", str(folder / "stream.yaml")], check=True, capture_output=True)
    return folder / "models"


@pytest.fixture
def stream(first_model: Path, tmp_path: Path, fresh_name: str) -> str:
    """A specification under a name of its own, with the first model in its registry beside it."""
    document = yaml.safe_load((files("driftline.demo") / "data" / "stream.yaml").read_text())
    shutil.copytree(first_model / "insects", tmp_path / "models" / fresh_name)
    return yaml.safe_dump(document | {"stream": fresh_name})
