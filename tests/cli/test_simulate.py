"""A simulated fleet's records as a file, and what reads it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from driftline.cells import columns_from_frame, labels_from_frame
from driftline.spec import parse_spec
from producers.fleet.fleet import Fleet
from producers.fleet.plan import parse_fleet
from tests.cli.conftest import Run

FEATURES = [
    {"name": "heat", "type": "numeric"},
    {"name": "note", "type": "text"},
    {"name": "site", "type": "categorical", "categories": ["north", "south"]},
]
PLAN: dict[str, Any] = {"devices": 3, "seed": 4, "faults": [{"at": 100, "kind": "missing", "device": "device-1"}]}


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_it_is_read_back_as_the_fleet_sends_it(cli: Run, tmp_path: Path, task: str) -> None:
    document = {"stream": "pumps", "task": task, "label": "state", "classes": ["ok", "worn"], "features": FEATURES}
    (tmp_path / "stream.yaml").write_text(yaml.safe_dump(document))
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(PLAN))
    said = cli("produce", "simulate", "fleet.yaml", "--records", "1500", "--out", "rows.csv")
    assert said.code == 0
    assert "1,500 rows in rows.csv" in said.out
    frame, spec = pd.read_csv(tmp_path / "rows.csv"), parse_spec(document)
    sent = list(Fleet(spec, parse_fleet({**PLAN, "records": 1_500})).rows())
    assert frame["device_id"].tolist() == [name for rows in sent for name in rows.device_ids]
    assert labels_from_frame(spec, frame) == [label for rows in sent for label in rows.labels]
    values = [row for rows in sent for row in rows.values]
    read = columns_from_frame(spec, frame)
    assert read.numeric[:, 0].tolist() == pytest.approx(
        [float("nan") if v[0] is None else v[0] for v in values], nan_ok=True
    )
    assert read.text[:, 0].tolist() == [v[1] for v in values]
    assert read.categorical[:, 0].tolist() == [v[2] for v in values]
    assert frame["heat"].isna().sum() > 400
