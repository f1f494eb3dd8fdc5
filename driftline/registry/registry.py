"""The model registry: a folder of versions that TensorFlow Serving, the consumers and people can all read.

Layout, on any fsspec file system::

    ROOT/STREAM/champion.json            the version in service
    ROOT/STREAM/3/manifest.json          written last: no manifest, no version
    ROOT/STREAM/3/saved_model.pb …       what TensorFlow Serving loads
    ROOT/STREAM/3/model.tflite
    ROOT/STREAM/3/reference.json
"""

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from pydantic import ValidationError

from driftline.errors import DriftlineError, UsageError
from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.manifest import Champion, Document, Manifest
from driftline.registry.reference import Reference

D = TypeVar("D", bound=Document)


class RegistryError(DriftlineError):
    """The registry cannot be read or written, or does not hold what was asked for."""


class Registry:
    """The versions of one stream.

    Parameters
    ----------
    root : folder or fsspec URL (`models`, `s3://bucket/models`, `memory://models`).
    stream : the stream's name.
    """

    def __init__(self, root: str, stream: str) -> None:
        self.stream = stream
        self._fs, path = fsspec.core.url_to_fs(str(root))
        self._local = "file" in (self._fs.protocol if isinstance(self._fs.protocol, tuple) else (self._fs.protocol,))
        self._base = f"{path.rstrip('/')}/{stream}"

    @property
    def location(self) -> str:
        """Where this stream's versions lie, as a person would write it."""
        return self._base if self._local else self._fs.unstrip_protocol(self._base)

    # -- reading ------------------------------------------------------------------------------------------------

    def versions(self) -> list[int]:
        """Versions that exist (have a manifest), oldest first."""
        try:
            # A listing may be cached by the file system's client; another process writes here.
            self._fs.invalidate_cache(self._base)
            names = [entry.rstrip("/").rsplit("/", 1)[-1] for entry in self._fs.ls(self._base, detail=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RegistryError(f"registry {self.location}: cannot be listed: {error}") from error
        found = sorted(int(name) for name in names if name.isdigit())
        return [version for version in found if self._fs.exists(f"{self._base}/{version}/manifest.json")]

    def manifest(self, version: int) -> Manifest:
        """Raises RegistryError if the version does not exist or its manifest cannot be read."""
        return self._document(Manifest, f"{version}/manifest.json")

    def reference(self, version: int) -> Reference:
        """The reference distribution of a version."""
        return self._document(Reference, f"{version}/reference.json")

    def champion(self) -> Champion | None:
        """The version in service, or None before the first."""
        try:
            return self._document(Champion, "champion.json")
        except RegistryError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def by_job(self, job_id: str) -> Manifest | None:
        """The version that this job made, if it made one: how a job is done once even when it is delivered twice."""
        for version in reversed(self.versions()):
            manifest = self.manifest(version)
            if manifest.job_id == job_id:
                return manifest
        return None

    @contextmanager
    def local_copy(self, version: int) -> Iterator[Path]:
        """A folder with the version's files: the registry's own where it is local, else a download, removed after.

        Raises RegistryError if the version does not exist or cannot be fetched.
        """
        if not self._fs.exists(f"{self._base}/{version}/manifest.json"):
            raise RegistryError(f"registry {self.location}: version {version} does not exist")
        if self._local:
            yield Path(f"{self._base}/{version}")
            return
        folder = Path(tempfile.mkdtemp(prefix="driftline-model-"))
        try:
            try:
                self._fs.get(f"{self._base}/{version}/", str(folder), recursive=True)
            except OSError as error:
                raise RegistryError(
                    f"registry {self.location}: version {version} cannot be fetched: {error}"
                ) from error
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # -- writing ------------------------------------------------------------------------------------------------

    def add(self, folder: Path, manifest: Manifest) -> Manifest:
        """Store a version whole or not at all.

        Parameters
        ----------
        folder : the files (saved_model.pb, variables, model.tflite, reference.json); copied.
        manifest : its `version` is a wish; the version it got is in the manifest returned.

        Raises
        ------
        RegistryError : it cannot be written (for example, the disk is full); nothing of it is left behind.
        """
        version = manifest.version
        try:
            for _ in range(1_000):
                numbered = manifest.model_copy(update={"version": version})
                if self._place(folder, numbered):
                    return numbered
                version += 1
        except OSError as error:
            raise RegistryError(f"registry {self.location}: version {version} cannot be written: {error}") from error
        raise RegistryError(f"registry {self.location}: no free version number after {manifest.version}")

    def next_version(self) -> int:
        """The number after the highest in use, finished or not."""
        try:
            self._fs.invalidate_cache(self._base)
            names = [entry.rstrip("/").rsplit("/", 1)[-1] for entry in self._fs.ls(self._base, detail=False)]
        except FileNotFoundError:
            return 1
        except OSError as error:
            raise RegistryError(f"registry {self.location}: cannot be listed: {error}") from error
        return max((int(name) for name in names if name.isdigit()), default=0) + 1

    def set_champion(
        self,
        version: int,
        kind: ModelEventKind,
        *,
        now_ms: int | None = None,
        job_id: str | None = None,
        drift_event_id: str | None = None,
        reasons: tuple[str, ...] = (),
        metrics: dict[str, float] | None = None,
        seconds: float | None = None,
    ) -> ModelEvent:
        """Put `version` into service and return the event that says so, for the model-events topic.

        The registry is written before the event is sent, so a service that starts in between serves the new version
        and takes the late event, whose sequence is no newer than its own, for what it is. Asked a second time for
        the same job, it returns the same event again.
        """
        self.manifest(version)  # refuse a version that does not exist
        before = self.champion()
        if before is not None and job_id is not None and before.event_id == f"{kind.value}-{job_id}":
            sequence, previous, at = before.sequence, before.previous_version, before.changed_at
        else:
            sequence = (before.sequence if before else 0) + 1
            previous = before.version if before else None
            at = int(time.time() * 1000) if now_ms is None else now_ms
        event_id = f"{kind.value}-{job_id}" if job_id else f"{kind.value}-{uuid.uuid4().hex[:12]}"
        champion = Champion(
            version=version, sequence=sequence, previous_version=previous, changed_at=at, event_id=event_id
        )
        self._replace("champion.json", champion.model_dump_json(indent=2).encode())
        return ModelEvent(
            event_id=event_id,
            stream=self.stream,
            kind=kind,
            version=version,
            previous_version=previous,
            sequence=sequence,
            job_id=job_id,
            drift_event_id=drift_event_id,
            at=at,
            reasons=list(reasons),
            metrics=metrics or {},
            seconds=seconds,
        )

    def prune(self, keep: int) -> list[int]:
        """Remove the oldest versions beyond `keep`, never the champion or the one before it; returns those removed."""
        champion = self.champion()
        safe = {champion.version, champion.previous_version} if champion else set()
        gone = [version for version in self.versions()[:-keep] if version not in safe]
        for version in gone:
            try:
                # The manifest first: from then on it is no version, whatever happens to the rest.
                self._fs.rm_file(f"{self._base}/{version}/manifest.json")
                self._fs.rm(f"{self._base}/{version}", recursive=True)
            except OSError as error:
                raise RegistryError(
                    f"registry {self.location}: version {version} cannot be removed: {error}"
                ) from error
        return gone

    def _place(self, folder: Path, manifest: Manifest) -> bool:
        target = f"{self._base}/{manifest.version}"
        document = manifest.model_dump_json(indent=2)
        if self._local:
            base = Path(self._base)
            base.mkdir(parents=True, exist_ok=True)
            staging = base / f".staging-{uuid.uuid4().hex}"
            try:
                shutil.copytree(folder, staging)
                (staging / "manifest.json").write_text(document, encoding="utf-8")
                # rename onto an existing, non-empty folder fails: two trainers cannot take one number.
                staging.rename(target)
            except OSError:
                shutil.rmtree(staging, ignore_errors=True)
                if Path(target).exists():
                    return False
                raise
            return True
        if self._fs.exists(target):
            return False
        try:
            self._fs.put(f"{folder}/", f"{target}/", recursive=True)
            self._fs.pipe_file(f"{target}/manifest.json", document.encode())
        except OSError:
            with suppress(OSError):
                self._fs.rm(target, recursive=True)
            raise
        return True

    def _replace(self, name: str, content: bytes) -> None:
        path = f"{self._base}/{name}"
        try:
            if self._local:
                target = Path(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
                temporary.write_bytes(content)
                temporary.replace(target)
            else:
                self._fs.pipe_file(path, content)  # one object, put whole
        except OSError as error:
            raise RegistryError(f"registry {self.location}: {name} cannot be written: {error}") from error

    def _document(self, kind: type[D], name: str) -> D:
        try:
            return kind.model_validate_json(self._read(name))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise RegistryError(
                f"registry {self.location}: {name} is damaged, or of a version of driftline that this one cannot read: "
                + (f"{place}: " if place else "")
                + first["msg"]
            ) from error

    def _read(self, name: str) -> Any:
        try:
            return self._fs.cat_file(f"{self._base}/{name}")
        except FileNotFoundError as error:
            what = f"version {name.split('/')[0]}" if "/" in name else name
            raise RegistryError(f"registry {self.location}: {what} does not exist ({name})") from error
        except OSError as error:
            raise RegistryError(f"registry {self.location}: {name} cannot be read: {error}") from error


def open_registry(root: str, stream: str, base: Path | None = None) -> Registry:
    """The registry at `root`; a relative path counts from `base`, the folder of the stream's specification."""
    if not root.strip():
        raise UsageError("registry: read an empty string; expected a folder or a URL")
    if "://" not in root:
        root = str(((base or Path.cwd()) / root).resolve())
    return Registry(root, stream)
