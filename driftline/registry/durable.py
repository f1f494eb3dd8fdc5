"""Writing to a local disk so that a power cut finds the old content or the new one, and never takes the new one back.

A rename is atomic for those who read, but neither the file's bytes nor the rename itself are on the disk until the
file, and then the folder, have been synchronised (fsync).
"""

import os
import shutil
import uuid
from pathlib import Path

TEMPORARY = ".new-"


def sync(path: Path) -> None:
    """Return once a file, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders; NTFS journals its names
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


def write_file(path: Path, content: bytes) -> None:
    """Write a file that nobody reads yet."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in the place of a file that others read. On OSError the old content stands."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex}")
    try:
        write_file(temporary, content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file of lines; one that a killed writer left unfinished is ended first, and stays unreadable."""
    with path.open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
        torn = end > 0 and file.read(1) != b"\n"
        file.write((b"\n" if torn else b"") + line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder with all that is in it, onto the disk; `target` must not exist."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_dir():
            copy_folder(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)
            sync(target / path.name)
    sync(target)
