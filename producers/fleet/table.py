"""A fleet's records as a table, for a first model or for looking at them, instead of a stream."""

from collections.abc import Iterable

import pandas as pd

from driftline.spec.stream import StreamSpec
from producers.rows import Rows


def table(spec: StreamSpec, blocks: Iterable[Rows]) -> pd.DataFrame:
    """One row a record: `device_id`, the features in the specification's order, and the label.

    A multilabel answer becomes a 0/1 column for each class. What `driftline train`, `driftline explore` and `driftline
    backtest` read.
    """
    parts = []
    for rows in blocks:
        part = pd.DataFrame(list(rows.values), columns=[feature.name for feature in spec.features])
        part.insert(0, "device_id", list(rows.device_ids))
        if spec.task == "multilabel":
            for name in spec.classes:
                part[name] = [int(name in (answer or ())) for answer in rows.labels]
        else:
            part[spec.label] = list(rows.labels)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
