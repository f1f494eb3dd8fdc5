"""A small stream whose labels are exchanged at one row, and back at another."""

from pathlib import Path

import numpy as np
import pandas as pd

from driftline.backtest.comparison import Run, compare
from driftline.backtest.plan import Plan
from driftline.backtest.recording import Recording, recorded
from driftline.backtest.strategies import Setting, chosen
from driftline.cli.backtest_rooms import RealRooms
from driftline.spec import StreamSpec, parse_spec

ROWS, CHANGE = 3_000, 1_400


def spec(**monitoring: object) -> StreamSpec:
    return parse_spec(
        {
            "stream": "swapped",
            "classes": ["a", "b", "c"],
            "features": [{"name": f"x{i}", "type": "numeric"} for i in range(3)],
            "training": {"epochs": 40, "refit": False, "network": {"hidden": [16]}},
            "monitoring": monitoring,
        }
    )


def frame(rows: int = ROWS, change: int = CHANGE, seed: int = 3) -> pd.DataFrame:
    """Three blobs; from `change` on each carries the name of the next."""
    rng = np.random.default_rng(seed)
    klass = rng.integers(0, 3, rows)
    values = rng.normal(size=(rows, 3)) + 3 * np.eye(3)[klass]
    turned = (klass + (np.arange(rows) >= change)) % 3
    return pd.DataFrame(values, columns=["x0", "x1", "x2"]).assign(label=np.array(["a", "b", "c"])[turned])


def recording(table: pd.DataFrame | None = None, stream: StreamSpec | None = None) -> Recording:
    return recorded(stream or spec(), frame() if table is None else table, 10.0)


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {"start": 500, "every": 600, "window": 600, "drift_at": (CHANGE,)}
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def run(
    folder: Path, names: tuple[str, ...], delays: tuple[int, ...] = (0,), settings: tuple[Setting, ...] = ()
) -> Run:
    return compare(
        "swapped",
        recording(),
        plan(),
        delays,
        chosen(spec(), names, settings),
        RealRooms(folder),
        lambda strategy, delay, row, what: None,
    )
