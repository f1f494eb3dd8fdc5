"""`driftline retrain`: ask for a retraining now."""

import time
import uuid
from typing import Annotated

import typer

from driftline.asking import NEWEST, ask_for_retraining
from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.errors import DriftlineError
from driftline.kafka.interface import Tail
from driftline.records.loop import ModelEvent


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(retrain)


def retrain(
    spec: SpecOption = DEFAULT_SPEC,
    labels: Annotated[int, typer.Option(min=20, help="Newest labelled records to learn from.")] = NEWEST,
    reason: Annotated[str, typer.Option(help="Why; it stands in the job and in the version's history.")] = "by hand",
    wait: Annotated[bool, typer.Option(help="Wait for the verdict (of a running trainer).")] = True,
    timeout: Annotated[int, typer.Option(min=1, help="Longest wait, in seconds.")] = 600,
    report: ReportOption = None,
) -> None:
    """Ask the trainer for a better model from the newest labelled records. It answers records only if it passes the
    gate, as after a drift. (`driftline train` makes a model from a file.)"""
    from driftline.kafka.connect import connect
    from driftline.watch.telling import tell

    workspace = open_workspace(spec)
    champion = workspace.registry.champion()
    if champion is None:
        raise DriftlineError("no model in service yet, so nothing to retrain: make the first with `driftline train`")
    client = connect(workspace.endpoint("driftline-cli"))
    try:
        verdicts = client.tail([workspace.spec.topics.model_events], from_end=True) if wait else None
        job = ask_for_retraining(
            workspace.spec,
            client,
            job_id=f"operator-{uuid.uuid4().hex[:16]}",
            by="operator",
            reason=reason,
            champion_version=champion.version,
            labels=labels,
            now_ms=int(time.time() * 1000),
        )
        typer.echo(f"asked: job {job.job_id}, on up to {job.labelled_records} labelled records")
        if verdicts is None:
            write_report(report, {"job": job.model_dump(mode="json"), "verdict": None})
            return
        verdict = _verdict(verdicts, job.job_id, timeout)
        verdicts.close()
    finally:
        client.close()
    write_report(report, {"job": job.model_dump(mode="json"), "verdict": verdict and verdict.model_dump(mode="json")})
    if verdict is None:
        raise DriftlineError(
            f"no verdict after {timeout} s; the job stays asked for. Is a trainer running? `driftline status` tells"
        )
    typer.echo(tell(verdict))


def _verdict(tail: Tail, job_id: str, timeout: int) -> ModelEvent | None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        for batch in tail.poll(0.5):
            for value in batch.values:
                if value and (event := ModelEvent.from_json(value)).job_id == job_id:
                    return event
    return None
