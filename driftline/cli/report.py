"""`driftline report`: a period of a stream on one page."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from driftline.cli.options import DEFAULT_SPEC, ReportOption, SpecOption, open_workspace, write_report
from driftline.errors import UsageError

_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report_period)


def span_ms(text: str) -> int:
    """'24h', '90m' or '7d' in milliseconds.

    Raises
    ------
    UsageError : it is none of these.

    >>> span_ms("90m")
    5400000
    """
    if (found := re.fullmatch(r"([1-9]\d{0,5})([mhd])", text.strip())) is None:
        raise UsageError(f"--last: read {text!r}; allowed: minutes, hours or days, such as 90m, 24h, 7d")
    return int(found[1]) * _UNITS[found[2]]


def report_period(
    spec: SpecOption = DEFAULT_SPEC,
    last: Annotated[str, typer.Option(help="The period up to now: 90m, 24h, 7d.")] = "24h",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write the page; by default STREAM-report.html.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", help="A folder to write the pictures into as well.")] = None,
    records: Annotated[int, typer.Option(min=1, help="Most predictions to look at, the newest.")] = 500_000,
    report: ReportOption = None,
) -> None:
    """Write what happened in a period, why, what it cost and what to watch: one page to hand on."""
    from driftline.kafka.connect import connect
    from driftline.kafka.stretch import read_newest
    from driftline.pages.picture import require_matplotlib
    from driftline.period.answers import answers_of
    from driftline.period.facts import facts, to_watch
    from driftline.period.page import headline, period_page
    from driftline.records.data import DeadLetter
    from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob

    require_matplotlib()
    end = int(time.time() * 1_000)
    start = end - span_ms(last)
    workspace = open_workspace(spec)
    stream, topics = workspace.spec, workspace.spec.topics
    out = out or Path(f"{stream.stream}-report.html")
    client = connect(workspace.endpoint("driftline-cli"))

    def loop_records(topic: str, model: Any) -> list[Any]:
        return [model.from_json(value) for batch in read_newest(client, [topic]) for value in batch.values if value]

    try:
        answered, answers = answers_of(
            stream,
            read_newest(client, [topics.predictions], records),
            read_newest(client, [topics.labels], 2 * records),
            start,
            end,
        )
        letters = read_newest(client, [topics.dead_letters], records)
        dead = Counter(
            letter.reason.value
            for batch in letters
            for value in batch.values
            if value and start <= (letter := DeadLetter.from_json(value)).dead_at < end
        )
        found = facts(
            stream.stream,
            start,
            end,
            answered=answered,
            answers=answers,
            dead=dead,
            events=loop_records(topics.drift_events, DriftEvent),
            jobs=loop_records(topics.retraining_jobs, RetrainingJob),
            model_events=loop_records(topics.model_events, ModelEvent),
        )
    finally:
        client.close()
    period_page(found).write(out, png)
    typer.echo(headline(found))
    for _, text in to_watch(found):
        typer.echo(f"  · {text}")
    typer.echo(f"report: {out}")
    write_report(
        report,
        {
            "stream": found.stream,
            "start": start,
            "end": end,
            "answered": found.answered,
            "labelled": len(found.answers.right),
            "accuracy": found.accuracy,
            "drifts": [case.event.model_dump(mode="json") for case in found.cases],
            "jobs": len(found.jobs),
            "training_seconds": found.training_seconds,
            "dead_letters": dict(found.dead),
            "watch": [text for _, text in to_watch(found)],
        },
    )
