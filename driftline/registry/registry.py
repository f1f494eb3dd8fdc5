"""The model registry: a folder of versions that TensorFlow Serving, the consumers and people can all read.

Layout, on any fsspec file system::

    ROOT/STREAM/champion.json            the version in service
    ROOT/STREAM/champions.jsonl          every change of champion (object store: champions/SEQUENCE.json)
    ROOT/STREAM/3/manifest.json          written last: no manifest, no version
    ROOT/STREAM/3/saved_model.pb …       what TensorFlow Serving loads
    ROOT/STREAM/3/model.tflite
    ROOT/STREAM/3/reference.json
    ROOT/STREAM/3/card.json

A champion's sequence never falls, whatever writers race and wherever one is killed: see `folder` and `objects`.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import fsspec
from pydantic import ValidationError

from driftline.errors import UsageError
from driftline.records.loop import ModelEvent, ModelEventKind
from driftline.registry.card import CARD, Card
from driftline.registry.checksums import MANIFEST, checksums, first_difference
from driftline.registry.errors import ChampionChanged, Damaged, Missing, RegistryError, Unreachable, Unwritable, passing
from driftline.registry.folder import CHAMPION, HISTORY, Folder
from driftline.registry.manifest import Champion, Document, Manifest
from driftline.registry.objects import ObjectStore
from driftline.registry.reference import Reference
from driftline.registry.shelf import Shelf

D = TypeVar("D", bound=Document)

# Numbers that other writers may take before this one gets its own.
ATTEMPTS = 1_000


class Registry:
    """The versions of one stream. Safe with several writers, as far as `folder` and `objects` say.

    Parameters
    ----------
    root : folder or fsspec URL (`models`, `s3://bucket/models`, `memory://models`).
    stream : the stream's name.
    """

    def __init__(self, root: str, stream: str) -> None:
        self.stream = stream
        store, path = fsspec.core.url_to_fs(str(root))
        local = "file" in (store.protocol if isinstance(store.protocol, tuple) else (store.protocol,))
        base = f"{path.rstrip('/')}/{stream}"
        self._shelf: Shelf = Folder(Path(base)) if local else ObjectStore(store, base)

    @property
    def location(self) -> str:
        """Where this stream's versions lie, as a person would write it."""
        return self._shelf.location

    # -- reading ------------------------------------------------------------------------------------------------

    def versions(self) -> list[int]:
        """Versions that exist (have a manifest), oldest first."""
        with self._reading("the list of versions"):
            found = sorted(int(name) for name in self._shelf.names() if name.isdigit())
            return [version for version in found if self._shelf.exists(f"{version}/{MANIFEST}")]

    def manifest(self, version: int) -> Manifest:
        """Raises RegistryError if the version does not exist or its manifest cannot be read."""
        return self._document(Manifest, f"{version}/{MANIFEST}")

    def reference(self, version: int) -> Reference:
        """The reference distribution of a version. Raises RegistryError, Damaged if it is not what was stored."""
        return self._document(Reference, f"{version}/reference.json", self.manifest(version).files)

    def card(self, version: int) -> Card | None:
        """What the version's model card draws; None of a version made before there were cards. Raises RegistryError."""
        files = self.manifest(version).files
        return self._document(Card, f"{version}/{CARD}", files) if CARD in files else None

    def champion(self) -> Champion | None:
        """The version in service, or None before the first."""
        with self._reading(CHAMPION):
            return self._shelf.champion()

    def history(self) -> list[Champion]:
        """Every change of champion since the registry keeps account of them, oldest first."""
        with self._reading(HISTORY):
            return self._shelf.history()

    def fingerprint(self, version: int) -> str:
        """Changes when a file of the version does: whether it is worth trying again what could not be loaded."""
        with self._reading(f"version {version}"):
            return self._shelf.fingerprint(version)

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

        Raises
        ------
        RegistryError : the version does not exist or cannot be fetched; Damaged if a file is not what was stored.
        """
        manifest = self.manifest(version)
        with ExitStack() as stack:
            with self._reading(f"version {version}"):
                folder = stack.enter_context(self._shelf.fetched(version))
                wrong = first_difference(folder, manifest.files)
            if wrong is not None:
                self.manifest(version)  # one that was removed meanwhile is missing, not damaged
                raise Damaged(f"registry {self.location}: {version}/{wrong[0]} is damaged: {wrong[1]}")
            yield folder

    # -- writing ------------------------------------------------------------------------------------------------

    def add(self, folder: Path, manifest: Manifest) -> Manifest:
        """Store a version whole or not at all.

        Parameters
        ----------
        folder : the files (saved_model.pb, variables, model.tflite, reference.json); copied.
        manifest : its `version` is a wish; the version it got is in the manifest returned, with the files' checksums.

        Raises
        ------
        Unwritable : it cannot be written (for example, the disk is full); nothing of it is left behind.
        Unreachable : the registry is away for now.
        """
        with self._writing(f"version {manifest.version}"):
            manifest = manifest.model_copy(update={"files": checksums(folder)})
            with self._shelf.writing():
                for version in range(manifest.version, manifest.version + ATTEMPTS):
                    numbered = manifest.model_copy(update={"version": version})
                    if self._shelf.place(folder, version, numbered.model_dump_json(indent=2).encode()):
                        return numbered
        raise Unwritable(f"registry {self.location}: no free version number after {manifest.version}")

    def next_version(self) -> int:
        """The number after the highest in use, finished or not."""
        with self._reading("the list of versions"):
            return max((int(name) for name in self._shelf.names() if name.isdigit()), default=0) + 1

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
        expected: int | None = None,
    ) -> ModelEvent:
        """Put `version` into service and return the event that says so, for the model-events topic.

        The registry is written before the event is sent, so a service that starts in between serves the new version
        and takes the late event, whose sequence is no newer than its own, for what it is. Asked a second time for
        the same job, it returns the same event again.

        Parameters
        ----------
        expected : sequence of the champion that the caller has seen in service (0: none).

        Raises
        ------
        ChampionChanged : another one is in service than expected.
        RegistryError : the version does not exist, or the registry cannot be read or written.
        """
        at = int(time.time() * 1000) if now_ms is None else now_ms
        event_id = f"{kind.value}-{job_id}" if job_id else f"{kind.value}-{uuid.uuid4().hex[:12]}"
        with self._writing(CHAMPION), self._shelf.writing():
            self.manifest(version)  # refuse a version that does not exist
            champion = self._crowned(version, event_id, at, expected)
        return ModelEvent(
            event_id=event_id,
            stream=self.stream,
            kind=kind,
            version=version,
            previous_version=champion.previous_version,
            sequence=champion.sequence,
            job_id=job_id,
            drift_event_id=drift_event_id,
            at=champion.changed_at,
            reasons=list(reasons),
            metrics=metrics or {},
            seconds=seconds,
        )

    def _crowned(self, version: int, event_id: str, at: int, expected: int | None) -> Champion:
        for _ in range(ATTEMPTS):
            before = self.champion()
            if before is not None and before.event_id == event_id:
                return before
            if expected is not None and (before.sequence if before else 0) != expected:
                raise ChampionChanged(
                    f"registry {self.location}: the model in service changed meanwhile: expected change {expected}, "
                    f"found {before.sequence if before else 0}"
                )
            champion = Champion(
                version=version,
                # A champion.json that was removed by hand must not make the count begin again.
                sequence=self._shelf.highest_sequence() + 1,
                previous_version=before.version if before else None,
                changed_at=at,
                event_id=event_id,
            )
            try:
                if self._shelf.crown(champion):
                    return champion
            except OSError:
                # It may have been written all the same: the answer was lost, or the disk did not confirm it.
                if self.champion() != champion:
                    raise
                return champion
        raise Unwritable(f"registry {self.location}: other writers change the champion all the time")

    def prune(self, keep: int) -> list[int]:
        """Remove the oldest versions beyond `keep`, never the champion or the one before it; returns those removed."""
        if not self._spare(keep):
            return []
        gone = []
        with self._writing("an old version"), self._shelf.writing():
            for version in self._spare(keep):
                with self._writing(f"version {version}", "removed"):
                    self._shelf.remove(version)
                gone.append(version)
        return gone

    def _spare(self, keep: int) -> list[int]:
        champion = self.champion()
        safe = {champion.version, champion.previous_version} if champion else set()
        return [version for version in self.versions()[:-keep] if version not in safe]

    # -- what goes wrong ------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            version, _, file = what.rpartition("/")
            missing = f"version {version} does not exist ({file})" if version else f"{what} does not exist"
            raise Missing(f"registry {self.location}: {missing}") from error
        except OSError as error:
            raise Unreachable(f"registry {self.location}: {what} cannot be read: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise Damaged(
                f"registry {self.location}: {what} is damaged, or of a version of driftline that this one cannot read: "
                + (f"{place}: " if place else "")
                + first["msg"]
            ) from error

    @contextmanager
    def _writing(self, what: str, done: str = "written") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = Unreachable if passing(error) else Unwritable
            raise kind(f"registry {self.location}: {what} cannot be {done}: {error}") from error

    def _document(self, kind: type[D], name: str, files: dict[str, str] | None = None) -> D:
        with self._reading(name):
            content = self._shelf.read(name)
        expected = (files or {}).get(name.partition("/")[2])
        if expected is not None and hashlib.sha256(content).hexdigest() != expected:
            raise Damaged(f"registry {self.location}: {name} is damaged: its checksum is not the one in the manifest")
        with self._reading(name):
            return kind.model_validate_json(content)


def open_registry(root: str, stream: str, base: Path | None = None) -> Registry:
    """The registry at `root`; a relative path counts from `base`, the folder of the stream's specification."""
    if not root.strip():
        raise UsageError("registry: read an empty string; expected a folder or a URL")
    if "://" not in root:
        root = str(((base or Path.cwd()) / root).resolve())
    return Registry(root, stream)


__all__ = ["Registry", "RegistryError", "open_registry"]
