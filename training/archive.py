"""Versions from the registry, loaded to be measured against."""

from collections.abc import Iterable

from driftline.model.answers import Decision
from driftline.model.scorer import Scorer, open_scorer
from driftline.registry.registry import Registry, RegistryError
from driftline.spec.stream import StreamSpec
from training.recall import Archived
from training.warm import WEIGHTS, Start, load_weights


def load_version(registry: Registry, version: int) -> Scorer:
    """The version, ready to score. Raises RegistryError."""
    manifest = registry.manifest(version)
    with registry.local_copy(version) as folder:
        return open_scorer(manifest, folder)


def load_decision(spec: StreamSpec, registry: Registry, version: int) -> Decision:
    """How the version decides, by its own thresholds. Raises RegistryError."""
    return Decision.of(spec, registry.manifest(version))


def load_start(spec: StreamSpec, registry: Registry, version: int | None, *, asked: bool = False) -> Start | None:
    """The version's weights to begin from; None unless `training.warm_start` or `asked`. Raises RegistryError."""
    if version is None or not (spec.training.warm_start or asked):
        return None
    with registry.local_copy(version) as folder:
        return load_weights(folder / WEIGHTS, version)


def fits(spec: StreamSpec, registry: Registry, version: int) -> bool:
    """Whether the version was made for this task, these classes and these features."""
    return registry.manifest(version).model_hash == spec.model_hash


def load_archived(spec: StreamSpec, registry: Registry, versions: Iterable[int]) -> list[Archived]:
    """Those of `versions` that can answer this stream's records; one that cannot be read is passed over, since a
    damaged archive is no reason to leave a drift unanswered."""
    found = []
    for version in versions:
        try:
            manifest = registry.manifest(version)
            if manifest.model_hash == spec.model_hash:
                accuracy = manifest.verdict.candidate.accuracy
                found.append(Archived(version, load_version(registry, version), accuracy, Decision.of(spec, manifest)))
        except (RegistryError, OSError, ValueError, RuntimeError):
            continue
    return found
