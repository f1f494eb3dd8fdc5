"""The services of one stream as processes: started, killed, frozen, started again, and asked how they are."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from driftline.broker.guard import guarded
from tests.faults.plan import Kind

_COMMITS = re.compile(rb"^driftline_commits_total (\S+)$", re.MULTILINE)


@dataclass
class Instance:
    """One service under one name, over all its lives."""

    name: str
    kind: Kind
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    log: IO[bytes] | None = None
    ends: list[int] = field(default_factory=list)
    """Exit statuses of the lives that are over."""

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(frozen=True, slots=True)
class State:
    """What a process says of itself: rounds it has committed (None: it does not answer), and whether it is ready."""

    commits: float | None = None
    ready: bool = False


class Fleet:
    """Instances by name. All of them end with this process.

    Parameters
    ----------
    spec : the stream's specification; logs go into `logs` beside it.
    bootstrap : the brokers.
    data : a file for `driftline produce replay`.
    """

    def __init__(self, spec: Path, bootstrap: str, data: Path | None = None) -> None:
        self.spec, self.bootstrap, self._data = spec, bootstrap, data
        self.instances: dict[str, Instance] = {}
        self._logs = spec.parent / "logs"
        self._logs.mkdir(exist_ok=True)
        self._environment = {
            **os.environ,
            "DRIFTLINE_KAFKA__BOOTSTRAP": bootstrap,
            "DRIFTLINE_LOG_FORMAT": "json",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def add(self, name: str, kind: Kind, *arguments: str) -> Instance:
        """A new instance, not started; `arguments` go with every start."""
        made = Instance(name, kind, arguments, log=(self._logs / f"{name}.log").open("ab"))
        self.instances[name] = made
        return made

    def start(self, instance: Instance, fault: str = "") -> None:
        """Start it (call from the main thread: the kernel ends it when the thread that started it ends)."""
        instance.starts += 1
        instance.process = subprocess.Popen(
            guarded([sys.executable, *self._command(instance, fault)], signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=instance.log,
            stderr=instance.log,
            start_new_session=True,
            env=self._environment,
        )

    def _command(self, instance: Instance, fault: str) -> list[str]:
        if instance.kind == "producer":
            # Two lives share a name: what a killed producer sent before is then sent again, as in life.
            prefix = f"{instance.name}-{instance.starts // 2}"
            more = ["--rate", "60", "--label-delay", "100 records", "--devices", "3", "--prefix", prefix]
            return ["-m", "driftline", "produce", "replay", str(self._data), "--spec", str(self.spec), *more]
        command = ["-m", "tests.faults.service", instance.kind, "--spec", str(self.spec), "--instance", instance.name]
        return [*command, "--fault", fault, *instance.arguments]

    def signal(self, instance: Instance, number: int) -> None:
        """Send a signal to a living instance."""
        if instance.process is not None and instance.process.poll() is None:
            instance.process.send_signal(number)

    def buried(self, instance: Instance) -> int | None:
        """Exit status of an instance that has ended since it was last asked about, if it has."""
        if instance.process is None or (status := instance.process.poll()) is None:
            return None
        instance.process = None
        instance.ends.append(status)
        return status

    def state(self, instance: Instance) -> State:
        """Ask the living process (not one before it) over HTTP."""
        note = self._note(instance)
        if instance.process is None or note is None or note["pid"] != instance.process.pid:
            return State()
        try:
            with urllib.request.urlopen(f"{note['url']}/metrics", timeout=1) as answer:
                found = _COMMITS.search(answer.read())
            commits = float(found[1]) if found else 0.0
        except (OSError, http.client.HTTPException):
            # It may be killed in the middle of its answer.
            return State()
        try:
            with urllib.request.urlopen(f"{note['url']}/readyz", timeout=1):
                return State(commits, True)
        except (OSError, http.client.HTTPException):
            return State(commits)

    def stop(self, patience: float = 25.0) -> dict[str, int]:
        """Ask all to finish, wait for them, kill what does not go; returns their exit statuses."""
        living = [i for i in self.instances.values() if i.running]
        for instance in living:
            self.signal(instance, signal.SIGCONT)
            self.signal(instance, signal.SIGTERM)
        deadline = time.monotonic() + patience
        statuses = {}
        for instance in living:
            assert instance.process is not None
            try:
                statuses[instance.name] = instance.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                instance.process.kill()
                statuses[instance.name] = instance.process.wait()
            instance.process = None
        return statuses

    def close(self) -> None:
        """End everything at once."""
        for instance in self.instances.values():
            if instance.process is not None:
                instance.process.kill()
                instance.process.wait()
                instance.process = None
            if instance.log is not None:
                instance.log.close()

    def last_words(self, name: str, lines: int = 4) -> str:
        """The end of an instance's log."""
        text = (self._logs / f"{name}.log").read_text(errors="replace")
        return "\n".join(line[:400] for line in text.splitlines()[-lines:])

    def _note(self, instance: Instance) -> dict[str, Any] | None:
        try:
            note: dict[str, Any] = json.loads(
                (self.spec.parent / f".driftline/service-{instance.name}.json").read_text()
            )
        except (OSError, ValueError):
            return None
        return note
