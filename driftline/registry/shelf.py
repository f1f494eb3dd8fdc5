"""What the registry asks of the place where its files lie: a local folder, or an object store."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from driftline.registry.manifest import Champion


class Shelf(Protocol):
    """One stream's files. Names are relative, with slashes.

    Every method raises OSError for what the file system refuses; FileNotFoundError only for what is surely not there.
    Methods that read the champion raise pydantic's ValidationError for a file that is none.
    """

    @property
    def location(self) -> str:
        """Where it is, as a person would write it."""

    def names(self) -> list[str]:
        """What lies at the top; nothing where the folder does not exist."""

    def exists(self, name: str) -> bool: ...

    def read(self, name: str) -> bytes: ...

    def fingerprint(self, version: int) -> str:
        """Changes when a file of the version does; cheap, without reading them."""

    def fetched(self, version: int) -> AbstractContextManager[Path]:
        """A local folder with the version's files."""

    def writing(self) -> AbstractContextManager[None]:
        """Around every change: keeps other writers out where it can, and sweeps up after those that were killed."""

    def place(self, files: Path, version: int, manifest: bytes) -> bool:
        """Store a version whole or not at all; False if the number is taken. Within `writing`."""

    def remove(self, version: int) -> None:
        """From its first moment on it is no version, whatever happens to the rest. Within `writing`."""

    def champion(self) -> Champion | None:
        """The version in service."""

    def highest_sequence(self) -> int:
        """The highest sequence that was ever given, 0 before the first."""

    def history(self) -> list[Champion]:
        """All changes of champion that are known, oldest first."""

    def crown(self, champion: Champion) -> bool:
        """Put a champion into service; False if its sequence is taken. Within `writing`."""
