"""`driftline train` as a person runs it: the report, and the table beside it."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Run
from tests.training.conftest import numeric_frame

SPEC = """\
stream: blobs
classes: [a, b, c]
features:
  - {name: x0, type: numeric}
  - {name: x1, type: numeric}
  - {name: x2, type: numeric}
training: {epochs: 4, network: {hidden: [8]}, refit: false}
"""
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "roc_auc", "pr_auc", "calibration_error")


@pytest.fixture
def rows(cli: Run, tmp_path: Path) -> Path:
    """150 rows; `x2` never has a value, which is no reason for an error."""
    (tmp_path / "stream.yaml").write_text(SPEC)
    path = tmp_path / "rows.csv"
    numeric_frame(150).assign(x2=np.nan).to_csv(path, index=False)
    return path


def test_the_report_holds_the_network_and_both_baselines_on_the_same_rows(cli: Run, rows: Path) -> None:
    said = cli("train", rows.name, "--report", "r.json")
    assert said.code == 0, said.err
    report = json.loads((rows.parent / "r.json").read_text())
    assert (report["task"], report["rows"], report["promoted"]) == ("multiclass", 150, True)
    assert report["seconds"] > 0 and report["peak_mib"] > 0
    assert sorted(report["baselines"]) == ["boosted", "logistic"]
    for name, found in {"network": report["metrics"], **report["baselines"]}.items():
        assert found["rows"] == 30, name
        for figure in FIGURES:
            low, high = found["intervals"][figure]
            assert 0 <= low <= high and found[figure] is not None, (name, figure)
        assert len(found["classes"]) == 3 and np.sum(found["confusion"]) == 30
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert "balanced accuracy" in lines["on"]
    for name, found in {"network": report["metrics"], **report["baselines"]}.items():
        low, high = found["intervals"]["accuracy"]
        assert f"{found['accuracy']:.3f} {low:.2f}–{high:.2f}" in lines[name]


def test_without_a_report_the_trees_are_not_trained(cli: Run, rows: Path) -> None:
    said = cli("train", rows.name)
    assert said.code == 0, said.err
    assert "logistic" in said.out and "boosted" not in said.out


def test_a_card_is_written_beside_the_version(cli: Run, rows: Path) -> None:
    said = cli("train", rows.name, "--card", "card.html")
    assert said.code == 0, said.err
    page = (rows.parent / "card.html").read_text()
    assert "card.html" in said.out
    assert "blobs, version 1" in page and "<script" not in page and page.count("<svg") + page.count("<img") > 3
