"""The example projects: each is whole, and learns something from a part of its data."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from driftline.registry.registry import Registry
from driftline.spec.load import load_spec
from driftline.spec.stream import StreamSpec
from driftline.tables import read_table
from training.initial import train_initial

FOLDER = Path(__file__).parents[2] / "examples"
PROJECTS = sorted(path.parent.name for path in FOLDER.glob("*/stream.yaml"))


def data_of(project: str) -> Path:
    (found,) = (FOLDER / project).glob("*.csv.gz")
    return found


def test_there_are_three() -> None:
    assert PROJECTS == ["credit_risk", "equipment_failure", "news_topics"]


@pytest.mark.parametrize("project", PROJECTS)
class TestEachProject:
    def test_names_origin_and_licence_and_has_its_page(self, project: str) -> None:
        index = (FOLDER / "README.md").read_text()
        line = next(line for line in index.splitlines() if data_of(project).name in line)
        assert "CC BY 4.0" in line and "http" in line
        assert f"examples/{project}/run.sh" in (FOLDER / project / "README.md").read_text()

    def test_its_command_names_files_and_rows_that_are_there(self, project: str) -> None:
        script = FOLDER / project / "run.sh"
        assert os.access(script, os.X_OK)
        subprocess.run(["sh", "-n", script], check=True)
        text = script.read_text()
        assert data_of(project).name in text
        rows = len(read_table(data_of(project)))
        assert all(0 < int(row) < rows for row in re.findall(r"--(?:start|stop)-row (\d+)", text))

    def test_learns_from_a_part_of_its_rows(self, project: str, tmp_path: Path) -> None:
        spec = load_spec(FOLDER / project / "stream.yaml")
        frame = read_table(data_of(project)).iloc[:3_000]
        quick = spec.training.model_copy(update={"epochs": 3, "refit": False})
        spec = StreamSpec.model_validate({**spec.model_dump(), "training": quick.model_dump()})
        outcome = train_initial(spec, frame, Registry(str(tmp_path), spec.stream), now_ms=1)
        found = outcome.verdict.candidate
        assert outcome.rows == 3_000
        assert found.pr_auc is not None
        prevalence = {"credit_risk": 0.22, "equipment_failure": 0.01, "news_topics": 1 / 41}[project]
        assert found.pr_auc > 1.2 * prevalence
