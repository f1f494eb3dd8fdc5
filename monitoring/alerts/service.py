"""The receiver as a process: its token, its memory of earlier jobs, its address."""

import os
import time
from pathlib import Path

import structlog
import uvicorn
from prometheus_client import CollectorRegistry, ProcessCollector

from driftline.asking import ask_for_retraining
from driftline.errors import DriftlineError, UsageError
from driftline.kafka.connect import connect, topic_requests
from driftline.kafka.credentials import read_secret_file
from driftline.kafka.interface import Client
from driftline.kafka.stretch import read_newest
from driftline.records.loop import RetrainingJob
from driftline.service.logs import configure_logs
from driftline.spec.stream import StreamSpec
from driftline.workspace import Workspace
from monitoring.alerts.app import alerts_app
from monitoring.alerts.receiver import Receiver

log = structlog.get_logger()

TOKEN = "DRIFTLINE_ALERTS_TOKEN"
# Shorter ones are guessed; `openssl rand -hex 16` makes one of 32.
SHORTEST_TOKEN = 16


def run_alerts(workspace: Workspace, instance: str, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    UsageError : no token, or one too short; the address cannot be bound.
    DriftlineError : no broker.
    """
    spec, registry = workspace.spec, workspace.registry
    configure_logs(service=instance, stream=spec.stream)
    token = token_of(spec, workspace.folder)
    client = connect(workspace.endpoint(instance))
    client.ensure_topics(topic_requests(spec))
    receiver = Receiver(spec.stream, spec.alerts)
    receiver.recall(jobs_so_far(client, spec))

    def ask(job_id: str, reason: str, at_ms: int) -> None:
        champion = registry.champion()
        if champion is None:
            raise DriftlineError("no model in service yet, so nothing to retrain")
        ask_for_retraining(
            spec,
            client,
            job_id=job_id,
            by="alert",
            reason=reason,
            champion_version=champion.version,
            labels=spec.alerts.labels,
            now_ms=at_ms,
        )

    prometheus = CollectorRegistry()
    ProcessCollector(registry=prometheus)
    app = alerts_app(receiver, token, ask, lambda: int(time.time() * 1_000), prometheus)
    config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, lifespan="off")
    try:
        listening = config.bind_socket()
        # Heard from now on, before the note says so: uvicorn itself listens a moment later.
        listening.listen(config.backlog)
    except (OSError, SystemExit):
        raise UsageError(f"--port: {host}:{port} cannot be bound; 0 takes a free port") from None
    url = f"http://{host}:{listening.getsockname()[1]}"
    workspace.write_note(f"service-{instance}", {"pid": os.getpid(), "url": url})
    log.info("started", stream=spec.stream, webhook=f"{url}/alerts", retrain_on=list(spec.alerts.retrain_on))
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        client.close()
        workspace.remove_note(f"service-{instance}")
        log.info("stopped")


def token_of(spec: StreamSpec, folder: Path) -> str:
    """What a webhook must show, of the environment or of `alerts.token_file` (from `folder`, unless absolute).

    Raises
    ------
    UsageError : there is none, or it is too short.
    """
    token, field = os.environ.get(TOKEN, ""), TOKEN
    if not token and spec.alerts.token_file is not None:
        field = "alerts.token_file"
        token = read_secret_file(field, str(folder / spec.alerts.token_file))
    if not token:
        raise UsageError(
            f"the receiver changes what is in service, so it asks for a token: set {TOKEN}, or name a file that holds "
            "one in alerts.token_file"
        )
    if len(token) < SHORTEST_TOKEN:
        raise UsageError(f"{field}: {len(token)} characters; a token has at least {SHORTEST_TOKEN}")
    return token


def jobs_so_far(client: Client, spec: StreamSpec) -> list[RetrainingJob]:
    """Every job on the topic, oldest first; what is no job is left out."""
    jobs: list[RetrainingJob] = []
    for batch in read_newest(client, [spec.topics.retraining_jobs]):
        for value in batch.values:
            try:
                jobs.append(RetrainingJob.from_json(value or b""))
            except ValueError:
                continue
    return jobs
