"""Files with something planted in them."""

from typing import Any

import numpy as np
import pandas as pd

from driftline.explore.exploration import Exploration, explore


def clean(rows: int = 1_000, seed: int = 0) -> pd.DataFrame:
    """Two features that help a little, two that do not, and a label; nothing drifts."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)).round(4), columns=["a", "b", "c", "d"])
    frame["a"] += label
    frame["colour"] = rng.choice(["red", "green", "blue"], rows)
    frame["label"] = np.where(label, "broken", "fine")
    return frame


def as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """As a CSV is read: every cell a string."""
    return frame.astype(object).map(lambda cell: None if pd.isna(cell) else str(cell))


def look(frame: pd.DataFrame, **more: Any) -> Exploration:
    return explore(as_read(frame), **more)


def named(found: Exploration) -> dict[str, str]:
    """Suspects by name, and of what kind."""
    return {suspect.name: suspect.kind for suspect in found.suspects}
