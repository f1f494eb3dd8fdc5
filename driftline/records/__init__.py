"""The records that travel on the stream's topics, as pydantic models: the contract between the rooms."""

from driftline.records.base import Record
from driftline.records.data import DeadLetter, FeatureRecord, Label, Prediction, Reason
from driftline.records.exhibits import Course, Histogram
from driftline.records.loop import (
    Blame,
    BlamedPart,
    DriftEvent,
    DriftKind,
    ModelEvent,
    ModelEventKind,
    Position,
    RetrainingJob,
    Window,
)

__all__ = [
    "Blame",
    "BlamedPart",
    "Course",
    "DeadLetter",
    "DriftEvent",
    "DriftKind",
    "FeatureRecord",
    "Histogram",
    "Label",
    "ModelEvent",
    "ModelEventKind",
    "Position",
    "Prediction",
    "Reason",
    "Record",
    "RetrainingJob",
    "Window",
]
