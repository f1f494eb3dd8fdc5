"""A record is followed from producer to prediction, and a drift from its event to the swap, through real services."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from driftline.broker.embedded import EmbeddedBroker
from driftline.tracing.context import Context, read_context
from driftline.tracing.identity import Identity
from tests.e2e.conftest import DATA
from tests.e2e.stack import Stack, running
from tests.tracing.needing import opentelemetry

START, STOP, RATE = 1_500, 3_400, 40
SHARE = 0.1

Told = dict[str, Any]


def told(folder: Path) -> list[Told]:
    """Every span of every process."""
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def named(context: Context) -> tuple[str, str]:
    return f"0x{context.trace:032x}", f"0x{context.span:016x}"


def own(span: Told) -> tuple[str, str]:
    return span["context"]["trace_id"], span["context"]["span_id"]


def brought(stack: Stack, topic: str, count: int) -> dict[str, Context]:
    """Record id → context in the headers, of all records of a topic that have one."""
    reader = stack.client.reader(f"{topic}.checked", [topic])
    reader.keep_headers()
    found: dict[str, Context] = {}
    seen = 0

    def read() -> None:
        nonlocal seen
        for batch in reader.poll(0.5, 10_000):
            seen += len(batch)
            for value, headers in zip(batch.values, batch.headers, strict=True):
                if (context := read_context(headers)) is not None:
                    found[json.loads(value or b"")["record_id"]] = context

    stack.wait(f"{count} records of {topic}", lambda: seen >= count, read)
    reader.close()
    return found


def test_a_record_and_a_drift_can_be_followed(stream: str, tmp_path: Path, embedded_broker: EmbeddedBroker) -> None:
    opentelemetry()
    document = yaml.safe_load(stream) | {"observability": {"traces": {"to": "file", "share": SHARE}}}
    services = ["consumer", "monitor", "trainer"]
    with running(tmp_path, yaml.safe_dump(document), embedded_broker.bootstrap, services) as stack:
        stack.await_ready()
        replay = stack.command(
            "produce", "replay", str(DATA), *("--start-row", str(START), "--stop-row", str(STOP)),
            *("--rate", str(RATE), "--label-delay", "20 records"),
        )  # fmt: skip
        ledger, total, topics = stack.ledger, STOP - START, stack.workspace.spec.topics
        stack.wait("a verdict", lambda: any(event.job_id for event in ledger.model_events))
        stack.wait("answers of the new version", lambda: ledger.versions[2] > 20)
        stack.wait("the replay to end", lambda: replay.poll() is not None)
        stack.wait("every answer", lambda: len(ledger.answered) == total)
        sent, answered = brought(stack, topics.features, total), brought(stack, topics.predictions, total)
        records = set(ledger.version_at)
    spans = {own(span): span for span in told(tmp_path / "traces")}

    # The records followed are those that anybody can name who knows the stream's name and the share.
    ids = sorted(records)
    followed = {ids[row] for row in Identity(document["stream"], SHARE).followed(ids)}
    assert 0.05 < len(followed) / total < 0.15
    assert set(sent) == set(answered) == followed
    for record in followed:
        send, predict = spans[named(sent[record])], spans[named(answered[record])]
        assert send["attributes"]["driftline.record_id"] == predict["attributes"]["driftline.record_id"] == record
        assert (own(send)[0], predict["parent_id"]) == (own(predict)[0], own(send)[1])
        assert predict["attributes"]["driftline.model.version"] == ledger.version_at[record]
        assert send["start_time"] <= predict["end_time"]
        assert predict["resource"]["attributes"]["service.name"] == "driftline-consumer"

    # The drift that led to the new version, its job, the verdict and the swap are one trace, each caused by the former.
    job = ledger.jobs[0]
    (drift,) = (
        span
        for span in spans.values()
        if span["name"] == "drift opened" and span["attributes"]["driftline.drift.event_id"] == job.drift_event_id
    )
    line = [drift]
    for name in ("retraining asked for", "retraining promoted", "swap"):
        # The same drift may lead to a second job, a refinement.
        (caused,) = (
            span
            for span in spans.values()
            if (span["name"], span["parent_id"]) == (name, own(line[-1])[1])
            and span["attributes"].get("driftline.job.id", job.job_id) == job.job_id
        )
        assert own(caused)[0] == own(drift)[0]
        line.append(caused)
    assert [span["resource"]["attributes"]["service.name"] for span in line] == [
        "driftline-monitor", "driftline-monitor", "driftline-trainer", "driftline-consumer",
    ]  # fmt: skip
    assert line[-1]["attributes"]["driftline.model.version"] == 2


def test_without_the_library_a_service_says_what_to_install(stream: str, tmp_path: Path) -> None:
    document = yaml.safe_load(stream) | {"observability": {"traces": {"to": "file"}}}
    (tmp_path / "stream.yaml").write_text(yaml.safe_dump(document))
    blind = "import sys; sys.modules['opentelemetry.sdk'] = None; from driftline.cli.app import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", blind, "run", "consumer", "--spec", str(tmp_path / "stream.yaml")],
        capture_output=True, text=True, env={"DRIFTLINE_KAFKA__BOOTSTRAP": "127.0.0.1:1"}, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "pip install 'driftline[otel]'" in ended.stderr
