"""A retraining job is answered once, even if the worker is killed in the middle of it."""

import time
from pathlib import Path

from driftline.kafka.interface import Outgoing
from driftline.records import ModelEventKind, RetrainingJob, Window
from driftline.watch.scrape import look
from tests.e2e.conftest import DATA
from tests.e2e.stack import Stack, running


def busy(stack: Stack) -> bool:
    note = stack.workspace.service_notes().get("trainer-0")
    return note is not None and look("trainer-0", note["url"]).detail.get("job") is not None


def test_one_job_one_verdict_over_a_kill(stream: str, tmp_path: Path, bootstrap: str) -> None:
    with running(tmp_path, stream, bootstrap, ["trainer"]) as stack:
        spec, ledger = stack.workspace.spec, stack.ledger
        replay = stack.command(
            "produce", "replay", str(DATA), "--start-row", "1775", "--stop-row", "2175",
            *("--rate", "max", "--label-delay", "0"),
        )  # fmt: skip
        stack.await_ready()
        stack.wait("the replay to end", lambda: replay.poll() is not None)
        stack.wait("its records", lambda: len(ledger.sent) == ledger.labels == 400)
        ends = dict.fromkeys(range(spec.kafka.partitions), 0)
        for partition, offset in ledger.sent:
            ends[partition] = max(ends[partition], offset + 1)
        spans = {partition: (0, end) for partition, end in ends.items()}
        job = RetrainingJob(
            job_id="killed-once",
            stream=spec.stream,
            requested_by="operator",
            reason="a test",
            requested_at=int(time.time() * 1000),
            champion_version=1,
            window=Window(features=spans, labels=spans),
            labelled_records=400,
        )
        writer = stack.client.writer()
        writer.send(Outgoing(spec.topics.retraining_jobs, [job.to_json()], [b"killed-once"]))
        writer.commit(None, {})
        writer.close()
        stack.wait("the job to be taken", lambda: busy(stack), lambda: time.sleep(0.05))
        stack.supervisor.kill("trainer-0")
        assert not [event for event in ledger.model_events if event.job_id]
        # Its supervisor starts it again, and Kafka gives it the job again.
        deadline = time.monotonic() + 10
        while stack.supervisor.children["trainer-0"].restarts == 0 and time.monotonic() < deadline:
            stack.supervisor.watch()
            time.sleep(0.1)
        stack.wait("a verdict", lambda: any(event.job_id for event in ledger.model_events))
        # No second one follows: the offset went with the verdict, and the worker is idle again.
        stack.wait("the worker to be idle", lambda: not busy(stack))
        stack.await_ready()
        stack.wait("silence", iter([False, False, False, True]).__next__)
    verdicts = [event for event in ledger.model_events if event.job_id == "killed-once"]
    assert [event.kind for event in verdicts] == [ModelEventKind.PROMOTED]
    assert stack.workspace.registry.versions() == [1, 2]
    assert stack.workspace.registry.manifest(2).job_id == "killed-once"
