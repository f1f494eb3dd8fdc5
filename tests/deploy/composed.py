"""The services of docker-compose.yml, each started as the file says, in a box that stands for its container."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from driftline.broker.guard import guarded
from tests.docs.pages import ROOT

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
BOX = Path(__file__).with_name("box.py")
USER = 10_001
# Docker's own time between SIGTERM and SIGKILL.
GRACE = 10.0
PATIENCE = 120.0
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def image_environment() -> dict[str, str]:
    """What deploy/Dockerfile sets, but for the path of the programs."""
    line = re.search(r"^ENV (PATH=.*)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert line is not None
    return dict(word.split("=", 1) for word in line[1].split())


class Project:
    """What `docker compose` makes of the file: volumes, and services.

    Parameters
    ----------
    folder : an empty one, for the volumes, the logs and the boxes.
    kafka : the port of 127.0.0.1 at which a broker answers, by that name; it stands for the service `kafka`.
    """

    def __init__(self, folder: Path, kafka: int) -> None:
        self._folder, self._kafka = folder, kafka
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a service."""
        service = SERVICES[name]
        command = service["command"]
        command = shlex.split(command) if isinstance(command, str) else command
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                guarded([sys.executable, "-I", "-S", str(BOX), json.dumps(self._plan(name)), *command]),
                env=self._environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def completed(self, name: str) -> int:
        """Start a service that ends of itself, and return its status."""
        self.start(name)
        return self._processes[name].wait(PATIENCE)

    def await_healthy(self, name: str) -> None:
        """Until the service's own health check, run beside it, is content. Raises AssertionError with its log."""
        deadline = time.monotonic() + PATIENCE
        while not self._healthy(name):
            ended = self._processes[name].poll()
            if ended is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} is not healthy (ended: {ended})\n{self.said(name)}")
            time.sleep(0.2)

    def stopped(self, name: str) -> int:
        """Stop a service as `docker compose stop` does, and return its status."""
        process = self._processes[name]
        process.terminate()
        return process.wait(GRACE)

    def said(self, name: str) -> str:
        """The service's log."""
        return self._log(name).read_text(errors="replace")

    def close(self) -> None:
        """End what is left."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _healthy(self, name: str) -> bool:
        kind, *command = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        inside = ["nsenter", f"--target={self._processes[name].pid}", "--mount", "--net", "--root", "--wd"]
        inside += [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        environment = self._environment(SERVICES[name])
        return subprocess.run([*inside, *command], env=environment, capture_output=True, check=False).returncode == 0

    def _environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """The image's and the service's; no variable of this process, as if none that the file asks for were set."""
        asked = {key: _VARIABLE.sub(r"\2", str(value)) for key, value in service.get("environment", {}).items()}
        programs = f"{Path(sys.executable).parent}:{os.defpath}"
        return {**image_environment(), "PATH": programs, "PYTHONPATH": str(ROOT), **asked}

    def _plan(self, name: str) -> dict[str, Any]:
        service = SERVICES[name]
        root = self._folder / "boxes" / name
        root.mkdir(parents=True)
        binds = []
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            path = ROOT / source if source.startswith(".") else self._volume(source)
            binds.append([str(path), target, mode != ["ro"]])
        return {
            "root": str(root),
            "folder": "/stream",
            "user": USER,
            "keep": sorted({str(ROOT), sys.prefix, sys.base_prefix} - {"/usr"}),
            "binds": binds,
            "tmpfs": [mount.split(":", 1) for mount in service["tmpfs"]],
            "hosts": "127.0.0.1 localhost kafka\n",
            # By the address of the specification, and by the one that the broker gives for itself.
            "forwards": {9092: self._kafka, self._kafka: self._kafka},
        }

    def _volume(self, name: str) -> Path:
        """A named volume; it belongs to the image's user, as deploy/Dockerfile makes it."""
        path = self._folder / "volumes" / name
        if not path.exists():
            path.mkdir(parents=True)
            if os.geteuid() == 0:
                os.chown(path, USER, USER)
        return path

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
