"""SHA-256 of a version's files: a damaged model is refused before any library looks at it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

MANIFEST = "manifest.json"


def checksums(folder: Path) -> dict[str, str]:
    """Relative path, with slashes → SHA-256 in hex, of all files in `folder` but its manifest.

    Raises OSError if the folder or a file in it cannot be read.
    """
    found = {}
    pending = [folder]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            if path.is_dir():
                pending.append(path)
            elif (name := path.relative_to(folder).as_posix()) != MANIFEST:
                found[name] = checksum(path)
    return dict(sorted(found.items()))


def checksum(path: Path) -> str:
    """SHA-256 of one file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_difference(folder: Path, expected: Mapping[str, str]) -> tuple[str, str] | None:
    """The first file of `expected` that is not as it was written, and what is wrong with it; None if all are well.

    Files that `expected` does not name are not looked at.
    """
    for name, digest in expected.items():
        try:
            if checksum(folder / name) != digest:
                return name, "its checksum is not the one in the manifest"
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return name, "the file is missing"
    return None
