"""Serving an application over HTTP until a signal ends it; the same for every door."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from driftline.errors import UsageError
from driftline.workspace import Workspace

# What is under way when a signal comes may take so many seconds more.
GRACE = 3


def listen(host: str, port: int) -> socket.socket:
    """A socket that is heard from now on; port 0 takes a free one.

    Raises
    ------
    UsageError : the address cannot be listened at.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{host}:{port} cannot be listened at: {error.strerror or error}; --port takes another, 0 a free one"
        ) from None
    return listener


def address(listener: socket.socket, host: str) -> str:
    """The URL of what listens.

    >>> with listen("127.0.0.1", 0) as listener:
    ...     address(listener, "::1") == f"http://[::1]:{listener.getsockname()[1]}"
    True
    """
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def add_health(app: FastAPI, registry: CollectorRegistry) -> None:
    """Add /metrics, /healthz and /readyz, as every service has them. What can answer is ready."""

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    @app.get("/readyz")
    def health() -> dict[str, object]:
        return {"ok": True, "message": "ready"}


def serve(
    app: FastAPI,
    listener: socket.socket,
    workspace: Workspace,
    instance: str,
    url: str,
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT; a note says where, for as long as it lasts.

    Parameters
    ----------
    ending : called when the first signal comes; see `Server`.
    """
    workspace.write_note(f"service-{instance}", {"pid": os.getpid(), "url": url})
    try:
        Server(app, ending).run(sockets=[listener])
    finally:
        workspace.take_back_note(f"service-{instance}")


class Server(uvicorn.Server):
    """The server, which ends quietly.

    Parameters
    ----------
    ending : ends what would not end by itself, such as open streams: they would last as long as their readers do.
    """

    def __init__(self, app: FastAPI, ending: Callable[[], None] = lambda: None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._ending = ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, and do not raise them again when all is closed, as uvicorn would."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._ending()
        super().handle_exit(sig, frame)
