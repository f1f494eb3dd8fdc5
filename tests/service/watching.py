"""A champion watch on a real registry, and what it was asked to load."""

from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from driftline.records import ModelEvent, ModelEventKind
from driftline.registry import Manifest, Registry
from driftline.service.champion_watch import ChampionWatch
from driftline.service.registry_metrics import RegistryMetrics
from tests.registry.made import add_version
from tests.streams import NOW, numeric_stream

SPEC = numeric_stream()


class Loader:
    """Reads a version's model as a consumer does, and counts; breaks where told to."""

    def __init__(self, registry: Registry, scratch: Path) -> None:
        self.registry, self.scratch = registry, scratch
        self.loads: list[int] = []
        self.failures: list[int] = []
        self.broken: dict[int, Exception] = {}
        self.prometheus = CollectorRegistry()
        self.metrics = RegistryMetrics(self.prometheus)

    def load(self, manifest: Manifest) -> str:
        self.loads.append(manifest.version)
        if manifest.version in self.broken:
            raise self.broken[manifest.version]
        with self.registry.local_copy(manifest.version) as folder:
            return f"model {manifest.version}: {(folder / 'model.tflite').read_text()}"

    def promote(self, version: int, **fields: object) -> ModelEvent:
        if version not in self.registry.versions():
            add_version(self.registry, SPEC, self.scratch, version, **fields)
        return self.registry.set_champion(version, ModelEventKind.PROMOTED, now_ms=NOW)

    def count(self, metric: str, **labels: str) -> float:
        return self.prometheus.get_sample_value(metric, labels) or 0.0

    def failed(self, cause: str) -> float:
        return self.count("driftline_registry_failures_total", cause=cause)


class Watching(Loader):
    """Every look is made by the test."""

    def __init__(self, registry: Registry, scratch: Path) -> None:
        super().__init__(registry, scratch)
        self.watch: ChampionWatch[str] = ChampionWatch(SPEC, registry, self.load, self.failures.append, self.metrics)

    def look(self) -> tuple[int, str] | None:
        found = self.watch.look()
        return found and (found[0].version, found[1])

    def lines(self, looks: int = 1) -> list[str]:
        """What is logged by so many looks."""
        with structlog.testing.capture_logs() as logs:
            for _ in range(looks):
                self.look()
        return [str(line["event"]) for line in logs]
