"""The console as a service: what reads, the application, and the server around it."""

import threading
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from driftline.errors import UsageError
from driftline.records.loop import DriftEvent
from driftline.service.logs import configure_logs
from driftline.workspace import Workspace
from monitoring.console.acts import Operator
from monitoring.console.app import Console, make_app
from monitoring.console.guard import LOOPBACK
from monitoring.console.reading import Surroundings, TopicReading
from monitoring.console.view import View
from monitoring.doors.secrets import read_tokens
from monitoring.doors.serving import address, listen, serve
from monitoring.doors.tokens import Tokens

log = structlog.get_logger()

TOKEN = "DRIFTLINE_CONSOLE_TOKEN"


def named_services(given: Iterable[str]) -> dict[str, str]:
    """Name → address of services given as URL or NAME=URL; without a name, host and port are the name.

    Raises
    ------
    UsageError : what was given is no address of a service.

    >>> named_services(["http://monitor:9100/", "trainer=http://10.0.0.7:9100"])
    {'monitor:9100': 'http://monitor:9100', 'trainer': 'http://10.0.0.7:9100'}
    """
    found: dict[str, str] = {}
    for text in given:
        name, _, url = text.rpartition("=")
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
            good = good and not (parts.query or parts.fragment or parts.username) and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good:
            raise UsageError(f"--service: read {text!r}; expected http://HOST:PORT or NAME=http://HOST:PORT")
        found[name or parts.netloc] = f"{parts.scheme}://{parts.netloc}"
    return found


def make_console(workspace: Workspace, tokens: Tokens, names: frozenset[str] | None) -> Console:
    """A console that nothing feeds yet."""
    view, lock = View(workspace.spec), threading.Lock()

    def open_alarm() -> DriftEvent | None:
        with lock:
            return view.happened.open_event()

    def knows(event_id: str) -> bool:
        with lock:
            return event_id in view.happened.events

    return Console(workspace, view, Operator(workspace, open_alarm, knows), tokens, names, lock)


def run_console(
    workspace: Workspace,
    instance: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token_file: Path | None = None,
    allowed_hosts: tuple[str, ...] = (),
    services: tuple[str, ...] = (),
    show: bool = False,
) -> None:
    """Serve the console until SIGTERM or SIGINT.

    Parameters
    ----------
    services : services that run elsewhere, as `named_services` reads them.

    Raises
    ------
    UsageError : the address is in use, a token cannot be used, or a service's address is none.
    """
    configure_logs()
    named = named_services(services)
    tokens = read_tokens(TOKEN, "--token-file", token_file)
    local = host in LOOPBACK
    names = LOOPBACK | {name.lower() for name in allowed_hosts} if local or allowed_hosts else None
    console = make_console(workspace, tokens, names)
    listener = listen(host, port)
    url = address(listener, host)
    prometheus = CollectorRegistry()
    ProcessCollector(registry=prometheus)
    app = make_app(console, prometheus)
    stop = threading.Event()
    threads = [
        threading.Thread(target=TopicReading(console, stop).run, name="topics", daemon=True),
        threading.Thread(target=Surroundings(console, stop, named).run, name="surroundings", daemon=True),
    ]
    acts = "acts need a token" if tokens.any else f"read-only: {TOKEN} or --token-file lets people act"
    log.info("console", address=url, acts=acts)
    if not local and not allowed_hosts:
        log.warning("reachable from other machines by any name, and whoever reaches it can read; put a proxy before it")
    try:
        for thread in threads:
            thread.start()
        if show:
            webbrowser.open(url)
        serve(app, listener, workspace, instance, url, console.closing.set)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5)
        log.info("stopped")
