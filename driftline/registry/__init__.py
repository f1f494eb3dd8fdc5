"""The model registry: versions, their manifests, their reference distributions, and which one is in service."""

from driftline.registry.errors import ChampionChanged, Damaged, Missing, RegistryError, Unreachable, Unwritable
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
from driftline.registry.registry import Registry, open_registry

__all__ = [
    "Champion",
    "ChampionChanged",
    "Damaged",
    "Evaluation",
    "LookUps",
    "Manifest",
    "Missing",
    "Parity",
    "Reference",
    "Registry",
    "RegistryError",
    "TextLookUp",
    "TrainingData",
    "Unreachable",
    "Unwritable",
    "Verdict",
    "describe_features",
    "open_registry",
]
