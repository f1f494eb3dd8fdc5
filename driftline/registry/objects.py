"""The registry in an object store, by fsspec: no locks and no renames, but an object is put whole or not at all.

Numbers are given by creating an object that must not exist yet (`If-None-Match` on S3, `ifGenerationMatch` on Google
Cloud Storage): `claims/VERSION` for a version, `champions/SEQUENCE.json` for a change of champion. Of two writers one
wins, and the other takes the next number. `champion.json` is a copy of the newest change, for people and as a place
to start looking from; a writer that comes late, or dies in between, cannot take a change back.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import structlog

from driftline.registry.checksums import MANIFEST
from driftline.registry.manifest import Champion

log = structlog.get_logger()
P = ParamSpec("P")
T = TypeVar("T")

CHAMPION = "champion.json"
CHAMPIONS, CLAIMS = "champions", "claims"
# An upload that has not ended after this long belongs to a writer that is dead.
OLD = 3600.0
# What tells one state of an object from another, by store.
_MARKS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")


class ObjectStore:
    """See `driftline.registry.shelf.Shelf`.

    Parameters
    ----------
    store : an fsspec file system. Its `pipe_file(…, mode="create")` must be atomic for two writers to be safe, as
        those of s3fs (on stores that know `If-None-Match`) and gcsfs are; otherwise there may be one writer at a time.
    base : the stream's folder in it.
    """

    def __init__(self, store: Any, base: str) -> None:
        self._store, self._base = store, base

    @property
    def location(self) -> str:
        return str(self._store.unstrip_protocol(self._base))

    # -- reading ------------------------------------------------------------------------------------------------

    def names(self, folder: str = "") -> list[str]:
        path = f"{self._base}/{folder}".rstrip("/")
        # A listing may be cached by the file system's client; another process writes here.
        self._store.invalidate_cache()
        try:
            entries: list[str] = _asked(self._store.ls, path, detail=False)
        except FileNotFoundError:
            return []
        return [entry.rstrip("/").rsplit("/", 1)[-1] for entry in entries]

    def exists(self, name: str) -> bool:
        self._store.invalidate_cache()
        try:
            _asked(self._store.info, f"{self._base}/{name}")
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> bytes:
        content: bytes = _asked(self._store.cat_file, f"{self._base}/{name}")
        return content

    def fingerprint(self, version: int) -> str:
        self._store.invalidate_cache()
        found = _asked(self._store.find, f"{self._base}/{version}", detail=True)
        states = {name: [entry.get("size"), *map(str, map(entry.get, _MARKS))] for name, entry in found.items()}
        return hashlib.sha256(json.dumps(states, sort_keys=True).encode()).hexdigest()

    @contextmanager
    def fetched(self, version: int) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="driftline-model-"))
        try:
            _asked(self._store.get, f"{self._base}/{version}/", str(folder), recursive=True)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def champion(self) -> Champion | None:
        try:
            newest = Champion.model_validate_json(self.read(CHAMPION))
        except FileNotFoundError:
            numbers = self._changes()
            if not numbers:
                return None
            newest = self._change(numbers[-1])
        with suppress(FileNotFoundError):
            while True:
                newest = self._change(newest.sequence + 1)
        return newest

    def highest_sequence(self) -> int:
        champion = self.champion()
        return champion.sequence if champion else 0

    def history(self) -> list[Champion]:
        found = {number: self._change(number) for number in self._changes()}
        if (champion := self.champion()) is not None:
            found[champion.sequence] = champion
        return [found[sequence] for sequence in sorted(found)]

    def _change(self, sequence: int) -> Champion:
        return Champion.model_validate_json(self.read(f"{CHAMPIONS}/{sequence}.json"))

    def _changes(self) -> list[int]:
        stems = (name.removesuffix(".json") for name in self.names(CHAMPIONS))
        return sorted(int(stem) for stem in stems if stem.isdigit())

    # -- writing ------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        for name in self.names():
            if name.isdigit() and not self.exists(f"{name}/{MANIFEST}"):
                self._sweep(name)
        yield

    def _sweep(self, version: str) -> None:
        """Remove what a writer uploaded that died on the way. Its claim stays: the number was used."""
        try:
            claimed = float(json.loads(self.read(f"{CLAIMS}/{version}"))["at"])
            if time.time() - claimed > OLD:
                _asked(self._store.rm, f"{self._base}/{version}", recursive=True)
                log.info("removed what a killed writer left in the registry", name=version)
        except (OSError, ValueError, KeyError, TypeError):
            return

    def place(self, files: Path, version: int, manifest: bytes) -> bool:
        claim, target = f"{CLAIMS}/{version}", f"{self._base}/{version}"
        if self.exists(str(version)) or not self._create(claim, json.dumps({"at": time.time()}).encode()):
            return False
        try:
            _asked(self._store.put, f"{files}/", f"{target}/", recursive=True)
            _asked(self._store.pipe_file, f"{target}/{MANIFEST}", manifest)
        except OSError:
            with suppress(OSError):
                _asked(self._store.rm, target, recursive=True)
            with suppress(OSError):
                _asked(self._store.rm_file, f"{self._base}/{claim}")
            raise
        return True

    def remove(self, version: int) -> None:
        # The manifest first: from then on it is no version, whatever happens to the rest.
        _asked(self._store.rm_file, f"{self._base}/{version}/{MANIFEST}")
        with suppress(FileNotFoundError):
            _asked(self._store.rm, f"{self._base}/{version}", recursive=True)

    def crown(self, champion: Champion) -> bool:
        document = champion.model_dump_json(indent=2).encode()
        if not self._create(f"{CHAMPIONS}/{champion.sequence}.json", document):
            return False
        try:
            _asked(self._store.pipe_file, f"{self._base}/{CHAMPION}", document)
        except OSError as error:
            # The champion is in service: readers find it from the former one on.
            log.warning("champion.json is a change behind", sequence=champion.sequence, error=str(error))
        return True

    def _create(self, name: str, content: bytes) -> bool:
        try:
            _asked(self._store.pipe_file, f"{self._base}/{name}", content, mode="create")
        except FileExistsError:
            return False
        return True


def _asked(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Ask the store. What its client raises of its own (a time-out, a name that does not resolve) becomes OSError."""
    try:
        return call(*args, **kwargs)
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
