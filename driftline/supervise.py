"""Keeping a stream's services running as child processes of one terminal."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from driftline.broker.guard import guarded
from driftline.broker.net import free_port

# A service that dies is started again after 0.5 s, 1 s, 2 s … 30 s; one that has run for a minute counts as healthy
# again. Faster would hammer a broker that is coming back, slower would leave the stream unanswered.
FIRST_REST, LONGEST_REST, HEALTHY_AFTER = 0.5, 30.0, 60.0
# How long a service may take to finish its batch, commit and leave its group.
GRACE = 15.0


@dataclass(slots=True)
class Child:
    """A supervised process."""

    name: str
    argv: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    rest: float = FIRST_REST
    due: float = 0.0
    restarts: int = 0
    last_exit: int | None = None
    _file: IO[bytes] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Supervisor:
    """Starts services, starts them again when they die, and stops them all.

    Each child runs behind the guard (`driftline.broker.guard`), so none outlives this process even if it is killed, and
    in a session of its own, so that Ctrl-C reaches this process alone and the services are stopped in order.

    Parameters
    ----------
    logs : folder of one log file a child.
    environment : variables set for every child beside this process's own.
    """

    logs: Path
    environment: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    def add(self, name: str, arguments: list[str]) -> Child:
        """Start `python -m driftline ARGUMENTS…` under `name`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "driftline", *arguments]
        child = Child(name, argv, self.logs / f"{name}.log")
        self.children[name] = child
        self._start(child)
        return child

    def watch(self) -> list[str]:
        """Start again what has died and rested; returns what happened, for people. Call it every half second or so."""
        news = []
        now = time.monotonic()
        for child in self.children.values():
            if child.running:
                if now - child.started > HEALTHY_AFTER:
                    child.rest = FIRST_REST
                continue
            if child.process is not None:
                child.last_exit = child.process.returncode
                child.process, child.due = None, now + child.rest
                news.append(
                    f"{child.name} ended with code {child.last_exit}; again in {child.rest:.1f} s ({child.log})"
                )
                child.rest = min(child.rest * 2, LONGEST_REST)
            elif now >= child.due:
                child.restarts += 1
                self._start(child)
        return news

    def kill(self, name: str) -> None:
        """End one child with SIGKILL, as a crash would; `watch` starts it again."""
        child = self.children[name]
        if child.process is not None:
            child.process.kill()
            child.process.wait()

    def stop(self) -> None:
        """Ask all to finish, wait for them together, kill what does not."""
        living = [child.process for child in self.children.values() if child.process and child.process.poll() is None]
        for process in living:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for process in living:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for child in self.children.values():
            if child._file is not None:
                child._file.close()
                child._file = None

    def last_words(self, name: str, lines: int = 12) -> str:
        """The end of a child's log."""
        try:
            return "\n".join(self.children[name].log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _start(self, child: Child) -> None:
        if child._file is None:
            child._file = child.log.open("ab")
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            guarded(child.argv),
            stdin=subprocess.DEVNULL,
            stdout=child._file,
            stderr=child._file,
            start_new_session=True,
            env={**os.environ, **self.environment},
        )


def add_console(supervisor: Supervisor, spec: Path, port: int = 8765) -> str:
    """Start the console of a stream at `port`, or where that is taken at a free one; returns its address."""
    host = "127.0.0.1"
    chosen = port if port and _free(host, port) else free_port()
    arguments = ["--spec", str(spec), "--instance", "console-0", "--port", str(chosen)]
    supervisor.add("console-0", ["run", "console", *arguments])
    return f"http://{host}:{chosen}"


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
