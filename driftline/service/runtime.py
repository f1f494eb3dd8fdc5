"""Starting a service: signals, logs, health and metrics around the loop. The same for every room."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from driftline.kafka.connect import connect, topic_requests
from driftline.kafka.interface import Client
from driftline.service.clock import Clock, SystemClock
from driftline.service.core import Core
from driftline.service.health import Health, HealthServer
from driftline.service.logs import configure_logs
from driftline.service.loop import Hooks, LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from driftline.tracing.export import open_exporter
from driftline.tracing.identity import Identity
from driftline.tracing.spans import Spans
from driftline.workspace import Workspace

_SERVICES = {"consumers": "consumer", "monitoring": "monitor", "training": "trainer"}


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a room's shell is given to build its core with."""

    workspace: Workspace
    client: Client
    clock: Clock
    prometheus: CollectorRegistry
    instance: str
    bootstrap: str
    spans: Spans | None = None
    """Where spans go; None where the specification wants no traces."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a room's shell hands back: a core, how to drive it, and what else has to run around it."""

    core: Core
    settings: LoopSettings
    hooks: Hooks
    ready: Callable[[], str | None] = lambda: None
    detail: Callable[[], dict[str, object]] = dict
    start: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None


def run_service(
    workspace: Workspace,
    instance: str,
    build: Callable[[ServiceContext], Service],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> None:
    """Run a service until SIGTERM or SIGINT; returns once everything it held is finished and committed.

    Raises
    ------
    DriftlineError : it cannot start (no broker, a bad specification, a port in use), or its work cannot go on.
    """
    spec = workspace.spec
    traces = spec.observability.traces
    identity = None if traces.to == "nowhere" else Identity(spec.stream, traces.share)
    configure_logs(identity, service=instance, stream=spec.stream)
    log = structlog.get_logger()
    stopping = StopSignals()
    endpoint = workspace.endpoint(instance)
    room = build.__module__.split(".")[0]
    exporter = open_exporter(traces, workspace.folder, spec.stream, instance, _SERVICES.get(room, room))
    client = connect(endpoint)
    client.ensure_topics(topic_requests(spec))
    prometheus = CollectorRegistry()
    ProcessCollector(registry=prometheus)
    clock = SystemClock()
    context = ServiceContext(workspace, client, clock, prometheus, instance, endpoint.bootstrap, exporter)
    service = build(context)
    health = Health(clock, last_round=clock.monotonic(), ready=service.ready, detail=service.detail)
    service.hooks.alive = health.alive
    server = HealthServer(health, prometheus, host, port)
    workspace.write_note(f"service-{instance}", {"pid": os.getpid(), "url": f"http://{host}:{server.port}"})
    log.info("started", bootstrap=endpoint.bootstrap, health=f"http://{host}:{server.port}/readyz")
    watchdog = Watchdog(health)
    try:
        service.start()
        # Offsets are committed with the group's metadata, so the loop's reader and writer are of one library.
        serving = connect(endpoint, exclusive=True) if service.settings.exclusive else client
        metrics = LoopMetrics(prometheus, stateful=service.settings.checkpoint is not None)
        loop = ServiceLoop(service.core, serving, service.settings, clock, metrics, service.hooks)
        loop.run(stopping)
    finally:
        watchdog.close()
        service.close()
        server.close()
        client.close()
        if exporter is not None:
            exporter.close()
        workspace.take_back_note(f"service-{instance}")
        log.info("stopped")


class Watchdog:
    """Ends the process when the loop is stuck, so that whoever supervises it starts it afresh.

    A client library that waits for ever (kafka-python's commit has no time-out) cannot be interrupted from within.
    Ending is safe at any moment: what was not committed is read again, and an open transaction is aborted by the
    successor of the same name.
    """

    EXIT_CODE = 70

    def __init__(self, health: Health, every: float = 5.0) -> None:
        self._health, self._every = health, every
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            good, message = self._health.healthz()
            if not good:
                structlog.get_logger().critical("the loop is stuck; ending so that it can be restarted", detail=message)
                os._exit(self.EXIT_CODE)


class StopSignals:
    """True once SIGTERM or SIGINT came. A second signal ends the process at once, as people expect of Ctrl-C Ctrl-C."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        if self._asked:
            os._exit(128 + number)
        self._asked = True

    def __call__(self) -> bool:
        return self._asked
