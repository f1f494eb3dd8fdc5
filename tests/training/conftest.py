"""Small streams, and models trained once for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftline.spec.stream import StreamSpec
from training.data import Dataset, from_frame
from training.origin import Origin

WORDS = ["pump", "leaks", "hot", "cold", "noisy", "fine", "ünïcode", "BROKEN!", "o'kay", "50%", "日本語", "rock-n-roll"]
CITIES = [f"city {i}" for i in range(40)]


def numeric_spec(**training: object) -> StreamSpec:
    """Three numeric features, three classes."""
    return StreamSpec.model_validate(
        {
            "stream": "blobs",
            "classes": ["a", "b", "c"],
            "features": [{"name": f"x{i}", "type": "numeric"} for i in range(3)],
            "training": {"epochs": 15, **training},
        }
    )


def numeric_frame(rows: int, seed: int = 0, turn: int = 0) -> pd.DataFrame:
    """Three well separated blobs; `turn` renames them, as a concept drift does."""
    rng = np.random.default_rng(seed)
    klass = rng.integers(0, 3, rows)
    values = rng.normal(size=(rows, 3)) + 4 * np.eye(3)[klass]
    frame = pd.DataFrame(values, columns=["x0", "x1", "x2"])
    frame["label"] = [("a", "b", "c")[(k + turn) % 3] for k in klass]
    return frame


@pytest.fixture(scope="session")
def mixed_spec() -> StreamSpec:
    """Every kind of feature, narrow and wide, with a binary label."""
    return StreamSpec.model_validate(
        {
            "stream": "mixed",
            "task": "binary",
            "classes": ["bad", "good"],
            "features": [
                {"name": "temp", "type": "numeric"},
                {"name": "constant", "type": "numeric"},
                {"name": "colour", "type": "categorical", "categories": ["red", "blue", "1"], "unknown": "bucket"},
                {"name": "city", "type": "categorical", "categories": CITIES},
                {"name": "note", "type": "text", "max_tokens": 100, "sequence_length": 6},
                {"name": "remark", "type": "text", "max_tokens": 100, "sequence_length": 3},
            ],
            "training": {"epochs": 12, "network": {"hidden": [16]}},
        }
    )


@pytest.fixture(scope="session")
def mixed_frame() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 400
    frame = pd.DataFrame(
        {
            "temp": np.where(rng.random(n) < 0.1, np.nan, rng.normal(20, 5, n)),
            "constant": 3.0,
            "colour": rng.choice(np.array(["red", "blue", 1, "mauve", None], dtype=object), n),
            "city": rng.choice(CITIES, n),
            "note": [" ".join(rng.choice(WORDS, rng.integers(0, 9))) for _ in range(n)],
            "remark": rng.choice(np.array(["Ok.", None, "see  note\t#4"], dtype=object), n),
        }
    )
    good = (frame.temp.fillna(20) > 20) ^ (frame.colour == "red")
    frame["label"] = np.where(good, "good", "bad")
    return frame


@dataclass(frozen=True)
class Made:
    """A trained version's files, and the network they were made from."""

    spec: StreamSpec
    dataset: Dataset
    folder: Path
    manifest: object
    progress: list[tuple[str, object]]


@pytest.fixture(scope="session")
def mixed_model(mixed_spec: StreamSpec, mixed_frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Made:
    from training.train import Trained, train

    folder = tmp_path_factory.mktemp("mixed") / "model"
    dataset = from_frame(mixed_spec, mixed_frame)
    said: list[tuple[str, object]] = []
    outcome = train(
        mixed_spec,
        dataset,
        Origin(source="test", created_at=1),
        folder,
        progress=lambda stage, epoch: said.append((stage, epoch)),
    )
    assert isinstance(outcome, Trained)
    return Made(mixed_spec, dataset, folder, outcome.manifest, said)
