"""A stream on this machine: its specification, its registry, and where its running parts can be found."""

import json
import os
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from driftline.errors import DriftlineError
from driftline.kafka.connect import Endpoint
from driftline.kafka.credentials import located
from driftline.registry.registry import Registry, open_registry
from driftline.spec.load import load_spec
from driftline.spec.stream import StreamSpec


@dataclass(frozen=True)
class Workspace:
    """Everything that hangs on one `stream.yaml`.

    What runs leaves notes in `.driftline/` beside the specification: the embedded broker's address and each
    service's health address, so that `driftline status` or `produce` in another terminal finds them.
    """

    path: Path

    @cached_property
    def spec(self) -> StreamSpec:
        return load_spec(self.path)

    @property
    def folder(self) -> Path:
        return self.path.resolve().parent

    @property
    def state(self) -> Path:
        """`.driftline/`, made if need be.

        Raises
        ------
        DriftlineError : it cannot be made.
        """
        try:
            self._notes.mkdir(exist_ok=True)
        except OSError as error:
            raise DriftlineError(f"{self._notes}: cannot be made: {error.strerror}") from None
        return self._notes

    @property
    def _notes(self) -> Path:
        return self.folder / ".driftline"

    @cached_property
    def registry(self) -> Registry:
        return open_registry(self.registry_root, self.spec.stream)

    @property
    def registry_root(self) -> str:
        """Where the registry lies, in a form that other processes understand: an absolute path, or a URL."""
        root = self.spec.registry
        return root if "://" in root else str((self.folder / root).resolve())

    def endpoint(self, instance: str) -> Endpoint:
        """Where this stream's Kafka is.

        Raises
        ------
        DriftlineError : the specification says 'embedded' and no embedded broker is running.
        """
        bootstrap = self.spec.kafka.bootstrap
        if bootstrap == "embedded":
            note = self.broker_note()
            if note is None:
                raise DriftlineError(
                    f"kafka.bootstrap is 'embedded' and no embedded broker is running for {self.path}; "
                    "start one with `driftline up`, or name a broker: DRIFTLINE_KAFKA__BOOTSTRAP=host:9092"
                )
            bootstrap = note["bootstrap"]
        return Endpoint(bootstrap, located(self.spec.kafka, self.folder), instance)

    def write_note(self, name: str, note: dict[str, Any]) -> None:
        """Leave a note for other processes, whole or not at all."""
        target = self.state / f"{name}.json"
        temporary = target.with_name(f".{name}.{uuid.uuid4().hex}")
        temporary.write_text(json.dumps(note))
        temporary.replace(target)

    def read_note(self, name: str) -> dict[str, Any] | None:
        try:
            note: dict[str, Any] = json.loads((self._notes / f"{name}.json").read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return note

    def remove_note(self, name: str) -> None:
        (self._notes / f"{name}.json").unlink(missing_ok=True)

    def take_back_note(self, name: str) -> None:
        """Remove this process's note; a newer process of the same name may have put its own in the place."""
        if (note := self.read_note(name)) is not None and note["pid"] == os.getpid():
            self.remove_note(name)

    def broker_note(self) -> dict[str, Any] | None:
        """The embedded broker's note, if one is running."""
        note = self.read_note("broker")
        return note if note and process_alive(note["pid"]) else None

    def service_notes(self) -> dict[str, dict[str, Any]]:
        """Notes of the services that are running, by instance."""
        found = {}
        for path in sorted(self._notes.glob("service-*.json")):
            note = self.read_note(path.stem)
            if note and process_alive(note["pid"]):
                found[path.stem.removeprefix("service-")] = note
        return found


def process_alive(pid: int) -> bool:
    """Whether a process of this number runs (and is not a zombie waiting to be reaped)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rsplit(")", 1)[-1].split()[0] != "Z"
