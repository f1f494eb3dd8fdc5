"""Writers in processes of their own, to be raced and killed."""

import threading
from multiprocessing.connection import Connection
from pathlib import Path

from driftline.records import ModelEventKind
from driftline.registry import Registry
from tests.registry.made import manifest, version_files
from tests.streams import numeric_stream

SPEC = numeric_stream()


def promote_for_ever(root: str, said: Connection) -> None:
    """Change the champion over and over; tells each sequence once the change has been made."""
    registry = Registry(root, SPEC.stream)
    while True:
        said.send(registry.set_champion(1, ModelEventKind.PROMOTED).sequence)


def store_for_ever(root: str, scratch: str, said: Connection) -> None:
    """Store versions and remove old ones over and over."""
    registry = Registry(root, SPEC.stream)
    folder = version_files(Path(scratch) / "files", large=b"x" * 300_000)
    while True:
        said.send(registry.add(folder, manifest(SPEC, registry.next_version())).version)
        registry.prune(4)


def promote(root: str, times: int, said: Connection) -> None:
    """Change the champion so many times."""
    registry = Registry(root, SPEC.stream)
    for _ in range(times):
        said.send(registry.set_champion(1, ModelEventKind.PROMOTED).sequence)
    said.close()


def store(root: str, scratch: str, times: int, said: Connection) -> None:
    """Store so many versions, all under the number that the others want."""
    registry = Registry(root, SPEC.stream)
    folder = version_files(Path(scratch) / "files")
    for _ in range(times):
        said.send(registry.add(folder, manifest(SPEC, 1)).version)
    said.close()


def hold(root: str, said: Connection) -> None:
    """Be a writer that never ends."""
    with Registry(root, SPEC.stream)._shelf.writing():
        said.send(1)
        threading.Event().wait()
