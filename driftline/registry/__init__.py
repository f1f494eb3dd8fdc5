"""The model registry: versions, their manifests, their reference distributions, and which one is in service."""

from driftline.registry.manifest import (
    Champion,
    Evaluation,
    LookUps,
    Manifest,
    Parity,
    TextLookUp,
    TrainingData,
    Verdict,
)
from driftline.registry.reference import Reference, describe_features
from driftline.registry.registry import Registry, RegistryError, open_registry

__all__ = [
    "Champion",
    "Evaluation",
    "LookUps",
    "Manifest",
    "Parity",
    "Reference",
    "Registry",
    "RegistryError",
    "TextLookUp",
    "TrainingData",
    "Verdict",
    "describe_features",
    "open_registry",
]
