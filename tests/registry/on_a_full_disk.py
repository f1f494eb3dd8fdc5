"""What happens to a registry on a disk that is full: run in a process of its own, `FOLDER LIMIT`; says it as JSON.

FOLDER is to be a small file system of its own; with LIMIT (bytes) no file may grow beyond that instead.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from driftline.records import ModelEvent, ModelEventKind
from driftline.registry import Registry, RegistryError
from tests.registry.made import add_version, manifest, version_files
from tests.streams import batch
from tests.training.conftest import numeric_frame, numeric_spec
from tests.training.scripted import Stage, promotes
from tests.training.worker.trainer import job
from training import worker
from training.data import from_frame

SPEC = numeric_spec()
LARGE = 3_000_000


def fill(folder: Path) -> None:
    """Leave not a byte."""
    try:
        with (folder / "filler").open("wb", buffering=0) as file:
            for size in (65_536, 512, 1):
                while file.write(b"x" * size) == size:
                    pass
    except OSError:
        return


def attempt(registry: Registry, work: Any) -> dict[str, object]:
    """What came of it, and what the registry holds afterwards."""
    said = ""
    try:
        work()
    except RegistryError as error:
        said = str(error)
    champion = registry.champion()
    names = [name for name in os.listdir(registry.location) if name not in (".lock", "champions.jsonl")]
    return {
        "said": said,
        "versions": registry.versions(),
        "champion": champion and [champion.version, champion.sequence],
        "names": sorted(names),
    }


@contextmanager
def file_size(limit: int) -> Iterator[None]:
    """No file may grow beyond `limit` bytes; 0 for no limit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or before[1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def train(registry: Registry) -> list[ModelEvent]:
    """A job whose model is too large for the registry, and not for where it is made."""

    def large(request: Any) -> Any:
        said = promotes(request)
        with file_size(0):
            (Path(request.out) / "variables" / "large").write_bytes(b"x" * LARGE)
        return said

    worker.TrainingChild = Stage(large)  # type: ignore[misc, assignment]
    core = worker.TrainerCore(SPEC, registry, registry.location, lambda job, stop: from_frame(SPEC, numeric_frame(40)))
    step = core.process([batch([job().to_json()], SPEC.topics.retraining_jobs)], 0)
    while step.busy:
        if core._attempt is not None and core._attempt.collector is not None:
            core._attempt.collector.join()
        step = core.tick(1)
    return [ModelEvent.from_json(value or b"") for out in step.outputs for value in out.values]


def main() -> None:
    folder, limit, scratch = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    registry = Registry(str(folder / "models"), SPEC.stream)
    large = version_files(scratch / "large", z=b"x" * LARGE)
    add_version(registry, SPEC, scratch, 1)
    registry.set_champion(1, ModelEventKind.PROMOTED)
    found: dict[str, object] = {}
    events: list[ModelEvent] = []
    with file_size(limit):
        found["add"] = attempt(registry, lambda: registry.add(large, manifest(SPEC, 2)))
        found["train"] = attempt(registry, lambda: events.extend(train(registry)))
    found["events"] = [[event.kind, *event.reasons] for event in events]
    add_version(registry, SPEC, scratch, 2)
    if not limit:
        fill(folder)
    with file_size(1 if limit else 0):
        found["promote"] = attempt(registry, lambda: registry.set_champion(2, ModelEventKind.PROMOTED))
    (folder / "filler").unlink(missing_ok=True)
    found["again"] = attempt(registry, lambda: registry.set_champion(2, ModelEventKind.PROMOTED))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
