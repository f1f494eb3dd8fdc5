"""The stream that the faults are put into: small records of a world that changes, some of them invalid."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

WIDTH = 4
CLASSES = ("low", "high")
PARTITIONS = 6
SESSION_MS = 3_000
_WORLDS = 3
"""Concepts that take turns, so that an archived version sometimes fits again."""


def specification(stream: str, *, nodes: int = 1, client: str = "auto", **kafka: Any) -> dict[str, Any]:
    """The document of a stream whose models train in a second and whose joins never run out of room."""
    return {
        "version": 1,
        "stream": stream,
        "task": "multiclass",
        "classes": list(CLASSES),
        "features": [{"name": f"x{i}", "type": "numeric", "required": True} for i in range(WIDTH)],
        "kafka": {
            "partitions": PARTITIONS,
            "replication": min(nodes, 3),
            "session_timeout_ms": SESSION_MS,
            "client": client,
            **kafka,
        },
        "serving": {"batch_size": 256, "max_wait_ms": 20},
        "monitoring": {
            "max_pending": 2_000_000,
            # Every job of these trials answers a drift of the world's, and none is asked for where no trainer runs.
            "policy": {
                "minimum_labels": 300,
                "cool_down_records": 1_000,
                "maximum_window": 1_500,
                "challenge_records": 0,
            },
        },
        "training": {"network": {"hidden": [8], "dropout": 0.0}, "epochs": 3, "batch_size": 128, "refit": False},
    }


@dataclass(slots=True)
class World:
    """Draws records and their truth. The same seed gives the same world.

    Parameters
    ----------
    flip_every : records after which the concept changes.
    """

    seed: int
    flip_every: int = 25_000
    drawn: int = 0

    def draw(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The next `count` rows, [count, WIDTH], and their classes."""
        random = np.random.default_rng((self.seed, self.drawn))
        values = np.round(random.normal(size=(count, WIDTH)), 3)
        turn = (self.drawn + np.arange(count)) // self.flip_every % _WORLDS
        angle = turn * (2 * np.pi / _WORLDS)
        self.drawn += count
        truth = values[:, 0] * np.cos(angle) + values[:, 1] * np.sin(angle) > 0
        return values, truth.astype(np.int64)


def invalid_values(now_ms: int) -> Iterator[bytes | None]:
    """Every kind of record that must be buried, over and over."""
    good = {"schema_version": 1, "record_id": "bad", "device_id": "d", "event_time": now_ms, "features": [0.0] * WIDTH}
    kinds: list[bytes | None] = [
        b"",
        None,
        json.dumps(good).encode()[:-9],
        b"\xff\xfe not text",
        b"[1, 2, 3]",
        json.dumps({**good, "features": [0.0]}).encode(),
        json.dumps({**good, "features": ["a", "b", "c", "d"]}).encode(),
        json.dumps({**good, "features": [None] * WIDTH}).encode(),
        json.dumps({**good, "features": [float("nan")] * WIDTH}).encode(),
        json.dumps({**good, "schema_version": 99}).encode(),
        json.dumps({**good, "event_time": now_ms + 86_400_000}).encode(),
        json.dumps({**good, "event_time": 5}).encode(),
        json.dumps({k: v for k, v in good.items() if k != "record_id"}).encode(),
        b"[" * 20_000,
        json.dumps({**good, "note": "x" * 70_000}).encode(),
    ]
    while True:
        yield from kinds


def first_models(folder: Path, seed: int = 1, versions: int = 3) -> Path:
    """A registry of the stream 'first' in `folder`: version 1 in service, trained by the command, and copies of it.

    The copies give an operator something to promote at once. Returns the registry's folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stream.yaml").write_text(yaml.safe_dump(specification("first")))
    rows(folder / "rows.csv", 1_200, seed)
    command = [sys.executable, "-m", "driftline", "train", str(folder / "rows.csv")]
    subprocess.run([*command, "--spec", str(folder / "stream.yaml")], check=True, capture_output=True)
    models = folder / "models" / "first"
    for version in range(2, versions + 1):
        shutil.copytree(models / "1", models / str(version))
        manifest = json.loads((models / "1" / "manifest.json").read_text())
        (models / str(version) / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
    return folder / "models"


def rows(path: Path, count: int, seed: int) -> Path:
    """A data file of the world before its first change, for `driftline train` and `driftline produce replay`."""
    values, truth = World(seed).draw(count)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{i}" for i in range(WIDTH)), "label"])
        writer.writerows([*row, CLASSES[k]] for row, k in zip(values.tolist(), truth.tolist(), strict=True))
    return path


def settle(folder: Path, models: Path, document: dict[str, Any]) -> Path:
    """A folder for one run: the specification, with the first models in its registry; returns the specification."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(models / "first", folder / "models" / document["stream"])
    (folder / "stream.yaml").write_text(yaml.safe_dump(document))
    return folder / "stream.yaml"
