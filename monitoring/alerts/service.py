"""The receiver as a process: its token, its memory of earlier jobs, its address."""

import time
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from driftline.asking import ask_for_retraining
from driftline.errors import DriftlineError, UsageError
from driftline.kafka.connect import connect, topic_requests
from driftline.kafka.interface import Client
from driftline.kafka.stretch import read_newest
from driftline.records.loop import RetrainingJob
from driftline.service.logs import configure_logs
from driftline.spec.stream import StreamSpec
from driftline.workspace import Workspace
from monitoring.alerts.app import alerts_app
from monitoring.alerts.receiver import Receiver
from monitoring.doors.secrets import read_tokens
from monitoring.doors.serving import address, listen, serve
from monitoring.doors.tokens import Tokens

log = structlog.get_logger()

TOKEN = "DRIFTLINE_ALERTS_TOKEN"


def run_alerts(workspace: Workspace, instance: str, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    UsageError : no token, or one too short; the address cannot be listened at.
    DriftlineError : no broker.
    """
    spec, registry = workspace.spec, workspace.registry
    configure_logs(service=instance, stream=spec.stream)
    tokens = tokens_of(spec, workspace.folder)
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
    app = alerts_app(receiver, tokens, ask, lambda: int(time.time() * 1_000), prometheus)
    listener = listen(host, port)
    url = address(listener, host)
    log.info("started", stream=spec.stream, webhook=f"{url}/alerts", retrain_on=list(spec.alerts.retrain_on))
    try:
        serve(app, listener, workspace, instance, url)
    finally:
        client.close()
        log.info("stopped")


def tokens_of(spec: StreamSpec, folder: Path) -> Tokens:
    """What a webhook must show, of the environment and of `alerts.token_file` (from `folder`, unless absolute).

    Raises
    ------
    UsageError : there is none, or one is too short.
    """
    file = spec.alerts.token_file
    tokens = read_tokens(TOKEN, "alerts.token_file", None if file is None else folder / file)
    if not tokens.any:
        raise UsageError(
            f"the receiver changes what is in service, so it asks for a token: set {TOKEN}, or name a file that holds "
            "one in alerts.token_file"
        )
    return tokens


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
