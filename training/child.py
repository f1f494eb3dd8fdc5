"""The parent's side of a training process: started early, asked once, listened to without waiting, ended for sure.

The parent imports no TensorFlow: it stays small, answers its group's heartbeats, and a training that crashes, hangs
or runs out of memory takes only itself down.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO

from driftline.broker.guard import guarded
from training.messages import JobRequest, Message

# How much of what the child printed is told when it dies without a word.
_LAST_BYTES = 2_000


class TrainingChild:
    """One process, one training.

    Not thread-safe. Call `warm` (or `start`) from a thread that lives as long as the child should: the kernel ends
    the child when that thread ends (see `driftline.broker.guard`).
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._errors: IO[bytes] | None = None
        self._asked = False
        self._over = False
        self.ready = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def warm(self) -> None:
        """Start the process; it imports TensorFlow (6-20 s) and waits. Does nothing if it was started before."""
        if self._process is not None:
            return
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the child)
        self._process = subprocess.Popen(
            guarded([sys.executable, "-m", "training.job"], signal.SIGKILL),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # Ctrl-C at the terminal goes to the foreground group; the parent decides what becomes of a training.
            start_new_session=True,
        )
        threading.Thread(target=self._listen, name="training-child", daemon=True).start()

    def start(self, request: JobRequest) -> None:
        """Ask for a training; starts the process if it is not running yet.

        Raises
        ------
        RuntimeError : this child was asked before.
        """
        if self._asked:
            raise RuntimeError("a training child answers one request; start another")
        self._asked = True
        self.warm()
        # A pipe holds 64 KiB, and a child that still imports TensorFlow reads nothing: a wide specification would
        # block the caller here for seconds.
        threading.Thread(target=self._ask, args=(request.to_line(),), name="training-request", daemon=True).start()

    def poll(self) -> list[Message]:
        """Messages since the last call, oldest first; never waits.

        The last one holds `result` or `error`; a process that dies without either yields an `error` that tells how.
        """
        found: list[Message] = []
        while not self._over:
            try:
                message = self._lines.get_nowait()
            except queue.Empty:
                break
            if message is None:
                self._over = True
                found.append({"error": self._last_words(), "usage": False})
                break
            if message.get("ready"):
                self.ready = True
                continue
            self._over = "result" in message or "error" in message
            found.append(message)
        return found

    def kill(self) -> None:
        """End the process at once, and wait until it is gone."""
        self._over = True
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for pipe in (self._process.stdin, self._errors):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _ask(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A child that has died is reported by the end of its output.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line)
            self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                try:
                    self._lines.put(json.loads(line))
                except ValueError:
                    self._lines.put({"error": f"the training process said {line[:200]!r}", "usage": False})
        self._process.wait()
        self._lines.put(None)

    def _last_words(self) -> str:
        assert self._process is not None
        status = self._process.returncode
        how = f"killed by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        said = ""
        if self._errors is not None and not self._errors.closed:
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(size - _LAST_BYTES, 0))
            said = self._errors.read().decode(errors="replace").strip()
        return f"the training process ended without a verdict ({how})" + (f": {said}" if said else "")
