"""`driftline tune` as a person runs it."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run
from tests.training.conftest import numeric_frame

SPEC = """\
# Three blobs.
stream: blobs
classes: [a, b, c]
features:
  - {name: x0, type: numeric}
  - {name: x1, type: numeric}
  - {name: x2, type: numeric}
training:
  epochs: 4  # few
  network: {hidden: [8]}
  learning_rate: RATE
  tuning:
    space:
      - {field: learning_rate, low: 0.02, high: 0.2, log: true}
      - {field: network.dropout, choices: [0.0, 0.2]}
"""


@pytest.fixture
def spec(cli: Run, tmp_path: Path) -> Path:
    path = tmp_path / "stream.yaml"
    path.write_text(SPEC.replace("RATE", "0.0001"))
    numeric_frame(120).to_csv(tmp_path / "rows.csv", index=False)
    return path


class TestTune:
    def test_the_best_settings_are_told_written_and_remembered(self, cli: Run, spec: Path, tmp_path: Path) -> None:
        said = cli("tune", "rows.csv", "--trials", 2, "--report", "r.json", "--apply")
        assert said.code == 0, said.err
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["trials"] == 2
        assert [trial["baseline"] for trial in report["history"]] == [True, False]
        assert report["gain"] == pytest.approx(report["baseline"]["value"] - report["best"]["value"])
        assert report["gain"] > 0 and report["applied"]
        best = report["best"]["settings"]
        assert f"better by {report['gain']:.4f}" in said.out
        pasted = said.out[said.out.index("\ntraining:") :].partition("written to")[0]
        assert yaml.safe_load(pasted) == {
            "training": {"learning_rate": best["learning_rate"], "network": {"dropout": best["network.dropout"]}}
        }
        text = spec.read_text()
        document = yaml.safe_load(text)["training"]
        assert document["learning_rate"] == best["learning_rate"]
        assert document["network"] == {"dropout": best["network.dropout"], "hidden": [8]}
        assert "# Three blobs." in text and "epochs: 4  # few" in text
        assert not list(tmp_path.glob(".stream*"))
        assert (tmp_path / "blobs.tuning.jsonl").exists()

    def test_it_says_so_where_nothing_is_better(self, cli: Run, spec: Path, tmp_path: Path) -> None:
        before = SPEC.replace("RATE", "0.03")
        spec.write_text(before)
        said = cli("tune", "rows.csv", "--trials", 1, "--apply", "--study", "mine.jsonl", "--report", "r.json")
        assert said.code == 0, said.err
        assert "no trial beats the current settings" in said.out
        assert "nothing to write" in said.out
        assert spec.read_text() == before
        again = cli("tune", "rows.csv", "--trials", 1, "--study", "mine.jsonl")
        assert "1 trials (1 of earlier runs)" in again.out


class TestRefusals:
    def test_the_extra_is_named(self, cli: Run, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "optuna", None)
        said = cli("tune", "rows.csv")
        assert said.code == 2
        assert said.refusal() == "driftline tune: optuna is not installed; it comes with pip install 'driftline[tune]'"

    def test_a_field_that_there_is_not(self, cli: Run, spec: Path) -> None:
        spec.write_text(spec.read_text().replace("network.dropout", "network.dropuot"))
        said = cli("tune", "rows.csv")
        assert said.code == 2
        assert "training.tuning.space[1].field: read 'network.dropuot'" in said.refusal()
        assert "did you mean" in said.refusal() or "dropout" in said.refusal()

    def test_a_study_that_is_another_file(self, cli: Run, spec: Path) -> None:
        said = cli("tune", "rows.csv", "--study", "rows.csv")
        assert said.code == 2
        assert said.refusal() == "--study rows.csv: not the file of a search; name one that does not exist yet"
        assert cli("tune", "rows.csv", "--study", "no/where").code == 2
