"""The console as a service: what reads, the application, and the server around it."""

import os
import signal
import socket
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from driftline.errors import UsageError
from driftline.records.loop import Window
from driftline.service.logs import configure_logs
from driftline.workspace import Workspace
from monitoring.console.acts import Operator
from monitoring.console.app import Console, make_app
from monitoring.console.guard import LOOPBACK
from monitoring.console.reading import Surroundings, TopicReading
from monitoring.console.tokens import Tokens
from monitoring.console.view import View

log = structlog.get_logger()

TOKEN = "DRIFTLINE_CONSOLE_TOKEN"


def read_tokens(path: Path | None) -> Tokens:
    """Tokens from the environment and from a file.

    Raises
    ------
    UsageError : the file cannot be read, or a token is too short.
    """
    found = dict(Tokens.parse(os.environ.get(TOKEN, ""), TOKEN).digests)
    if path is not None:
        try:
            text = path.read_text()
        except (OSError, UnicodeError) as error:
            raise UsageError(f"--token-file {path}: cannot be read: {error}") from None
        tokens = Tokens.parse(text, str(path))
        if not tokens.any:
            raise UsageError(f"--token-file {path}: read no token; expected one a line")
        found |= tokens.digests
    return Tokens(found)


def make_console(workspace: Workspace, tokens: Tokens, names: frozenset[str] | None) -> Console:
    """A console that nothing feeds yet."""
    view, lock = View(workspace.spec), threading.Lock()

    def retraining() -> tuple[Window, int, str | None]:
        with lock:
            return view.retraining()

    def knows(event_id: str) -> bool:
        with lock:
            return event_id in view.happened.events

    return Console(workspace, view, Operator(workspace, retraining, knows), tokens, names, lock)


def run_console(
    workspace: Workspace,
    instance: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token_file: Path | None = None,
    allowed_hosts: tuple[str, ...] = (),
    show: bool = False,
) -> None:
    """Serve the console until SIGTERM or SIGINT.

    Raises
    ------
    UsageError : the address is in use, or a token cannot be used.
    """
    configure_logs()
    tokens = read_tokens(token_file)
    local = host in LOOPBACK
    names = LOOPBACK | {name.lower() for name in allowed_hosts} if local or allowed_hosts else None
    console = make_console(workspace, tokens, names)
    listener = _listen(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    prometheus = CollectorRegistry()
    ProcessCollector(registry=prometheus)
    app = make_app(console, lambda: {"ok": True, "message": ""}, lambda: generate_latest(prometheus))
    stop = threading.Event()
    threads = [
        threading.Thread(target=TopicReading(console, stop).run, name="topics", daemon=True),
        threading.Thread(target=Surroundings(console, stop).run, name="surroundings", daemon=True),
    ]
    server = _Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=3, server_header=False),
        console,
    )
    workspace.write_note(f"service-{instance}", {"pid": os.getpid(), "url": address})
    acts = "acts need a token" if tokens.any else f"read-only: {TOKEN} or --token-file lets people act"
    log.info("console", address=address, acts=acts)
    if not local and not allowed_hosts:
        log.warning("reachable from other machines by any name, and whoever reaches it can read; put a proxy before it")
    try:
        for thread in threads:
            thread.start()
        if show:
            webbrowser.open(address)
        server.run(sockets=[listener])
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5)
        if (note := workspace.read_note(f"service-{instance}")) is not None and note["pid"] == os.getpid():
            workspace.remove_note(f"service-{instance}")
        log.info("stopped")


class _Server(uvicorn.Server):
    """Ends the open streams when it is to end: they would last as long as their pages do."""

    def __init__(self, config: uvicorn.Config, console: Console) -> None:
        super().__init__(config)
        self._console = console

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, and do not raise them again when all is closed, as uvicorn would."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._console.closing.set()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
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
