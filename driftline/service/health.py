"""What a service says of itself over HTTP: /metrics, /healthz, /readyz. On 127.0.0.1 unless told otherwise."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from driftline.errors import UsageError
from driftline.service.clock import Clock

# A round takes milliseconds, and a commit at most the delivery time-out of 30 s: a loop silent for longer than this
# is stuck, and a supervisor should replace it.
STUCK_AFTER = 60.0


@dataclass(slots=True)
class Health:
    """Shared between the loop, which writes, and the HTTP threads, which read; each field is set whole."""

    clock: Clock
    last_round: float = 0.0
    joined: bool = False
    ready: Callable[[], str | None] = lambda: None
    """Why the service is not ready, or None."""
    detail: Callable[[], dict[str, object]] = dict

    def alive(self, joined: bool) -> None:
        self.last_round = self.clock.monotonic()
        self.joined = joined

    def healthz(self) -> tuple[bool, str]:
        silent = self.clock.monotonic() - self.last_round
        return silent < STUCK_AFTER, f"last round {silent:.1f} s ago"

    def readyz(self) -> tuple[bool, str]:
        if not self.healthz()[0]:
            return False, self.healthz()[1]
        if (why := self.ready()) is not None:
            return False, why
        return (True, "ready") if self.joined else (False, "no partitions assigned (joining, or standing by)")


class HealthServer:
    """Serves a `Health` and a metrics registry from a thread of its own.

    Parameters
    ----------
    port : 0 takes a free one; `port` then says which.

    Raises
    ------
    UsageError : the address cannot be bound.
    """

    def __init__(self, health: Health, registry: CollectorRegistry, host: str, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                if path == "/metrics":
                    # Exemplars exist in OpenMetrics only, which Prometheus asks for.
                    encode, kind = choose_encoder(self.headers.get("Accept", ""))
                    self._answer(200, kind, encode(registry))
                elif path in ("/healthz", "/readyz"):
                    good, message = health.healthz() if path == "/healthz" else health.readyz()
                    body = json.dumps({"ok": good, "message": message, **health.detail()}).encode()
                    self._answer(200 if good else 503, "application/json", body)
                else:
                    self._answer(404, "text/plain", b"try /metrics, /healthz or /readyz\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """A scrape every few seconds is not worth a log line."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise UsageError(
                f"--metrics-port: {host}:{port} cannot be bound ({error.strerror}); 0 takes a free port"
            ) from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
