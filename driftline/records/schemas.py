"""The JSON Schemas of everything on the wire, as they stand in `docs/schemas/`.

`python -m driftline.records.schemas docs/schemas` writes them; a test holds the files and the models equal.
"""

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from driftline.records.acts import Act
from driftline.records.base import Record
from driftline.records.data import DeadLetter, FeatureRecord, Label, Prediction
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob
from driftline.records.wanted import LabelWanted
from driftline.spec.stream import StreamSpec

RECORDS: dict[str, type[Record]] = {
    "feature-record": FeatureRecord,
    "prediction": Prediction,
    "label": Label,
    "label-wanted": LabelWanted,
    "dead-letter": DeadLetter,
    "drift-event": DriftEvent,
    "retraining-job": RetrainingJob,
    "model-event": ModelEvent,
    "act": Act,
}


def schemas() -> dict[str, str]:
    """File name → JSON Schema document (draft 2020-12), ending in a newline."""
    models: dict[str, type[BaseModel]] = {**RECORDS, "stream": StreamSpec}
    return {
        f"{name}.schema.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}, indent=2
        )
        + "\n"
        for name, model in models.items()
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, document in schemas().items():
        (folder / file_name).write_text(document)
