"""The registry in a local folder: locked while it is written, synchronised to the disk, renamed into place."""

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from pydantic import ValidationError

from driftline.registry.checksums import MANIFEST
from driftline.registry.durable import TEMPORARY, append_line, copy_folder, make_folder, replace_file, sync, write_file
from driftline.registry.lock import write_lock
from driftline.registry.manifest import Champion

log = structlog.get_logger()

CHAMPION = "champion.json"
HISTORY = "champions.jsonl"
LOCK = ".lock"
_STAGING, _REMOVED = ".staging-", ".removed-"
# Where the file system knows no locks, a leftover may be a living writer's; none takes an hour.
OLD = 3600.0


class Folder:
    """See `driftline.registry.shelf.Shelf`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    @property
    def location(self) -> str:
        return str(self._base)

    # -- reading ------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        try:
            return os.listdir(self._base)
        except FileNotFoundError:
            return []

    def exists(self, name: str) -> bool:
        try:
            (self._base / name).stat()
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            if self._base.is_dir():
                return False  # a file whose name is a number, say
            raise
        return True

    def read(self, name: str) -> bytes:
        return (self._base / name).read_bytes()

    def fingerprint(self, version: int) -> str:
        found = hashlib.sha256()
        for folder, folders, names in os.walk(self._base / str(version)):
            folders.sort()
            for name in sorted(names):
                with suppress(FileNotFoundError):
                    status = os.stat(os.path.join(folder, name))
                    found.update(f"{folder}/{name} {status.st_size} {status.st_mtime_ns} {status.st_ino}\n".encode())
        return found.hexdigest()

    @contextmanager
    def fetched(self, version: int) -> Iterator[Path]:
        yield self._base / str(version)

    def champion(self) -> Champion | None:
        try:
            return Champion.model_validate_json(self.read(CHAMPION))
        except FileNotFoundError:
            return None

    def highest_sequence(self) -> int:
        return max((champion.sequence for champion in self.history()), default=0)

    def history(self) -> list[Champion]:
        found = {champion.sequence: champion for champion in self._lines()}
        if (champion := self.champion()) is not None:
            found[champion.sequence] = champion
        return [found[sequence] for sequence in sorted(found)]

    def _lines(self) -> list[Champion]:
        try:
            lines = self.read(HISTORY).splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with suppress(ValidationError):  # a line that a killed writer left unfinished
                found.append(Champion.model_validate_json(line))
        return found

    # -- writing ------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        make_folder(self._base)
        with write_lock(self._base / LOCK) as held:
            # Temporary files exist only while the lock is held. Whoever has just got it owns none, so all are a dead
            # writer's.
            self._sweep(0.0 if held else OLD)
            yield

    def _sweep(self, age: float) -> None:
        for name in self.names():
            if not name.startswith((_STAGING, _REMOVED, TEMPORARY)):
                continue
            path = self._base / name
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < age:
                    continue
                log.info("removed what a killed writer left in the registry", name=name)
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def place(self, files: Path, version: int, manifest: bytes) -> bool:
        target = self._base / str(version)
        if target.exists():
            return False
        staging = self._base / f"{_STAGING}{uuid.uuid4().hex}"
        try:
            copy_folder(files, staging)
            write_file(staging / MANIFEST, manifest)
            sync(staging)
            # Where there are no locks: a rename onto a folder with something in it fails.
            staging.rename(target)
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            if target.exists():
                return False
            raise
        sync(self._base)
        return True

    def remove(self, version: int) -> None:
        away = self._base / f"{_REMOVED}{version}-{uuid.uuid4().hex}"
        (self._base / str(version)).rename(away)
        sync(self._base)
        shutil.rmtree(away, ignore_errors=True)  # what stays is swept up by the next writer

    def crown(self, champion: Champion) -> bool:
        before, written = self.champion(), {line.sequence for line in self._lines()}
        if before is not None and before.sequence not in written:
            append_line(self._base / HISTORY, _line(before))  # its writer was killed before it could
        replace_file(self._base / CHAMPION, champion.model_dump_json(indent=2).encode())
        try:
            append_line(self._base / HISTORY, _line(champion))
        except OSError as error:
            # The champion is in service: this is no failure, and the next change writes the line.
            log.warning("the history of champions is a line behind", sequence=champion.sequence, error=str(error))
        return True


def _line(champion: Champion) -> bytes:
    return champion.model_dump_json().encode()
