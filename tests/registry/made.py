"""Versions made by hand: a registry does not look into the files it keeps."""

from pathlib import Path
from typing import Any

from driftline.registry import Evaluation, Manifest, Reference, Registry, TrainingData, Verdict, describe_features
from driftline.spec import StreamSpec
from tests.streams import NOW

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "model.tflite": b"lite"}


def version_files(folder: Path, **more: bytes) -> Path:
    """A folder as training leaves it."""
    for name, content in {**FILES, **more}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def manifest(spec: StreamSpec, version: int = 1, accuracy: float = 0.9, **fields: Any) -> Manifest:
    """What a version says of itself."""
    return Manifest(
        **{
            "stream": spec.stream,
            "version": version,
            "created_at": NOW + version,
            "model_hash": spec.model_hash,
            "task": spec.task,
            "classes": spec.classes,
            "runtime": "litert",
            "data": TrainingData(source="test", rows=100),
            "verdict": Verdict(
                promoted=True, reasons=(f"accuracy {accuracy}",), candidate=Evaluation(rows=20, accuracy=accuracy)
            ),
            **fields,
        }
    )


def reference(spec: StreamSpec, columns: Any) -> Reference:
    """The reference distribution of these columns, with answers that do not matter."""
    return Reference(
        rows=len(columns),
        features=describe_features(spec, columns),
        prediction_counts=(0,) * len(spec.classes),
        confidence_counts=(0,) * 10,
        error_rate=0.1,
        held_out_rows=20,
    )


def add_version(registry: Registry, spec: StreamSpec, scratch: Path, version: int = 1, **fields: Any) -> Manifest:
    """Store a version and return its manifest."""
    return registry.add(version_files(scratch / f"files-{version}"), manifest(spec, version, **fields))
