"""`explore` writes a page and says what matters."""

from pathlib import Path

import numpy as np
import pytest

from driftline.spec import dump_spec, parse_spec
from tests.cli.conftest import Run
from tests.explore.made import clean


@pytest.fixture
def data(tmp_path: Path) -> Path:
    frame = clean(1_000)
    frame.loc[600:, "b"] += 3
    frame.insert(0, "after", np.where(frame.label == "broken", "red", "blue"))
    frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def test_a_page_its_pictures_and_what_was_found(cli: Run, data: Path, tmp_path: Path) -> None:
    said = cli("explore", "data.csv", "--png", "pics")
    assert (said.code, said.err) == (0, "")
    assert "data.csv: 1,000 rows, 6 features of 7 columns" in said.out
    assert 'leakage? column "after" equals the label "label" one to one' in said.out
    assert "b (PSI " in said.out
    assert "page: explore.html and " in said.out
    html = (tmp_path / "explore.html").read_text()
    assert "driftline init data.csv --label label --exclude after" in html
    assert {"class-balance.png", "correlation.png", "drift.png"} <= {p.name for p in (tmp_path / "pics").iterdir()}


def test_by_the_specification(cli: Run, data: Path, tmp_path: Path) -> None:
    spec = parse_spec(
        {
            "stream": "s",
            "task": "binary",
            "classes": ["fine", "broken"],
            "features": [{"name": "a", "type": "numeric"}, {"name": "b", "type": "numeric"}],
        }
    )
    (tmp_path / "s.yaml").write_text(dump_spec(spec))
    said = cli("explore", "data.csv", "--spec", "s.yaml", "--out", "a/b.html")
    assert "2 features of 7 columns" in said.out
    assert (tmp_path / "a/b.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "nowhere.csv: no such file"),
        (["data.csv", "--label", "lable"], "column 'lable': the data has none of this name; did you mean 'label'?"),
        (["data.csv", "--label", "a"], "label column 'a'"),
        (["data.csv", "--multilabel", "a", "--multilabel", "label"], "multilabel column 'a'"),
        (["data.csv", "--out", "."], "--out .: is a directory"),
        (["data.csv", "--png", "data.csv"], "--png data.csv: is a file"),
        (["data.csv", "--label", "label", "--multilabel", "a"], "label and multilabel were both given"),
    ],
)
def test_what_cannot_be_done(cli: Run, data: Path, arguments: list[str], message: str) -> None:
    said = cli("explore", *arguments)
    assert said.code == 2
    assert message in said.refusal()
