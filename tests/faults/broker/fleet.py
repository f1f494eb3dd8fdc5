"""The services of one stream as processes, each on its own way to the brokers, started again when they die."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

from driftline.supervise import Supervisor
from driftline.workspace import Workspace


class Fleet:
    """Starts, stops and looks at services.

    Parameters
    ----------
    spec : the stream's specification.
    """

    def __init__(self, spec: Path) -> None:
        self._spec = spec
        self._logs = spec.parent / "logs"
        self._supervisors: dict[str, Supervisor] = {}
        self._alone: set[str] = set()
        self._instances: dict[str, str] = {}

    def start(self, name: str, bootstrap: str, instance: str | None = None) -> None:
        """Start the service `name` (consumer-0, monitor-1 …), as `instance` if that is another name."""
        environment = {"DRIFTLINE_KAFKA__BOOTSTRAP": bootstrap, "DRIFTLINE_LOG_FORMAT": "json"}
        supervisor = self._supervisors[name] = Supervisor(self._logs, environment)
        kind, self._instances[name] = name.partition("-")[0], instance or name
        supervisor.add(name, ["run", kind, "--spec", str(self._spec), "--instance", self._instances[name]])

    def watch(self) -> None:
        """Start again what died; called in every wait."""
        for name, supervisor in self._supervisors.items():
            if name not in self._alone:
                supervisor.watch()

    def leave_alone(self, name: str) -> None:
        """Do not start this one again when it ends."""
        self._alone.add(name)

    def stop(self, name: str) -> None:
        """End one service in order."""
        self._supervisors.pop(name).stop()

    def close(self) -> None:
        """End all, together."""
        for name in self._supervisors:
            self.signal(name, signal.SIGCONT)
            self.signal(name, signal.SIGTERM)
        for supervisor in self._supervisors.values():
            supervisor.stop()
        self._supervisors.clear()

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one service, if it runs."""
        process = self._child(name).process
        if process is not None and process.poll() is None:
            os.kill(process.pid, number)

    def kill(self, name: str) -> None:
        """End one service as a crash would, and start it again at once."""
        self._supervisors[name].kill(name)
        child = self._child(name)
        child.rest = 0.0
        self.watch()
        self.watch()

    def ended(self, name: str) -> int | None:
        """The exit code of a service that has ended (and is not started again unless `watch` is called)."""
        process = self._child(name).process
        return None if process is None else process.poll()

    def restarts(self, name: str) -> int:
        """How often a service was started again."""
        return self._child(name).restarts

    @property
    def names(self) -> list[str]:
        return list(self._supervisors)

    def said(self, name: str, text: str) -> list[dict[str, Any]]:
        """The lines of a service's log whose event begins with `text`."""
        return [line for line in self.log(name) if str(line.get("event", "")).startswith(text)]

    def log(self, name: str) -> list[dict[str, Any]]:
        """A service's log, over its restarts; a line that is no JSON (a traceback) as {'raw': line}."""
        lines: list[dict[str, Any]] = []
        for line in (self._logs / f"{name}.log").read_text(errors="replace").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append({"raw": line})
        return lines

    def last_words(self) -> str:
        """The ends of all logs, for a test that failed."""
        return "\n".join(
            f"--- {path.stem}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
            for path in sorted(self._logs.glob("*.log"))
        )

    def metric(self, service: str, name: str, **labels: str) -> float:
        """Sum of a metric's samples with these labels; nan while the service does not answer."""
        text = self._get(service, "/metrics")
        if text is None:
            return float("nan")
        total = 0.0
        for line in text.splitlines():
            found = re.match(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if found and all(f'{key}="{value}"' in (found[1] or "") for key, value in labels.items()):
                total += float(found[2])
        return total

    def ready(self, name: str) -> str | None:
        """Why a service is not ready, or None."""
        text = self._get(name, "/readyz")
        if text is None:
            return "does not answer"
        answer = json.loads(text)
        return None if answer["ok"] else str(answer["message"])

    def _get(self, name: str, path: str) -> str | None:
        note = Workspace(self._spec).service_notes().get(self._instances[name])
        if note is None:
            return None
        try:
            with urllib.request.urlopen(note["url"] + path, timeout=2) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except (OSError, http.client.HTTPException):
            return None

    def _child(self, name: str) -> Any:
        return self._supervisors[name].children[name]
