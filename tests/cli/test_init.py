"""`init` writes a specification that loads, from a file as people have them."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from driftline.cells import columns_from_frame, labels_from_frame
from driftline.spec import load_spec
from driftline.tables import read_table
from tests.cli.conftest import Run

ROWS = 240


@pytest.fixture
def frame() -> pd.DataFrame:
    """Numbers with gaps, few and many strings, an id, a time, and a label of strings."""
    rng = np.random.default_rng(3)
    words = ["pump", "leaks", "at", "the", "seal", "again", "größer", "noise", "all", "well", "today"]
    return pd.DataFrame(
        {
            "ticket": [f"T-{i:05d}" for i in range(ROWS)],
            "site": rng.choice(["north", "süd", "west"], ROWS),
            "Air temp [°C]": np.where(rng.random(ROWS) < 0.1, np.nan, rng.normal(20, 5, ROWS).round(2)),
            "note": [" ".join(rng.choice(words, rng.integers(3, 9))) for _ in range(ROWS)],
            "status": rng.choice(["in Ordnung", "worn", "broken"], ROWS),
        }
    )


def test_text_columns_missing_values_and_string_labels(cli: Run, tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(tmp_path / "Tickets 2024.csv", index=False)
    said = cli("init", "Tickets 2024.csv", "--label", "status")
    assert said.code == 0
    spec = load_spec(tmp_path / "stream.yaml", {})
    assert (spec.stream, spec.task, spec.label) == ("tickets-2024", "multiclass", "status")
    assert set(spec.classes) == {"in Ordnung", "worn", "broken"}
    kinds = {feature.name: feature.type for feature in spec.features}
    assert kinds["site"] == "categorical"
    assert kinds["Air temp [°C]"] == "numeric"
    assert kinds["note"] == "text"
    assert "ticket" not in kinds
    assert "next: driftline train Tickets 2024.csv" in said.out
    # and the file can be read by it, whole
    read = read_table(tmp_path / "Tickets 2024.csv")
    assert len(columns_from_frame(spec, read)) == ROWS
    assert None not in labels_from_frame(spec, read)


def test_what_was_decided_is_told(cli: Run, tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(tmp_path / "t.csv", index=False)
    out = cli("init", "t.csv").out
    assert "label 'status'" in out
    assert f"{ROWS} rows" in out
    assert "ticket" in out


def test_a_compressed_file_and_another_place(cli: Run, tmp_path: Path, frame: pd.DataFrame) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    said = cli("init", "t.csv.gz", "--out", "deep/down/s.yaml", "--name", "mine", "--exclude", "note")
    assert said.code == 0
    spec = load_spec(tmp_path / "deep/down/s.yaml", {})
    assert spec.stream == "mine"
    assert "note" not in {feature.name for feature in spec.features}
    assert "next: driftline train t.csv.gz --spec deep/down/s.yaml" in said.out


def test_multilabel(cli: Run, tmp_path: Path, frame: pd.DataFrame) -> None:
    rng = np.random.default_rng(4)
    frame = frame.drop(columns="status").assign(wear=rng.integers(0, 2, ROWS), heat=rng.integers(0, 2, ROWS))
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert cli("init", "t.csv", "--multilabel", "wear", "--multilabel", "heat").code == 0
    spec = load_spec(tmp_path / "stream.yaml", {})
    assert (spec.task, spec.classes) == ("multilabel", ("wear", "heat"))


def test_an_existing_specification_is_kept_unless_forced(cli: Run, tmp_path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "stream.yaml").write_text("mine")
    assert cli("init", "t.csv").code == 2
    assert (tmp_path / "stream.yaml").read_text() == "mine"
    assert cli("init", "t.csv", "--force").code == 0
    assert yaml.safe_load((tmp_path / "stream.yaml").read_text())["stream"] == "t"


@pytest.mark.parametrize("content", ["", "a,b\n", "only\n1\n", "\x00\x01\x02", "a,b\n1,2,3\n"])
def test_a_file_that_is_no_table(cli: Run, tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    said = cli("init", "t.csv")
    assert said.code == 2
    assert said.refusal().startswith("t.csv: ")
    assert not (tmp_path / "stream.yaml").exists()
