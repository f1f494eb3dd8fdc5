"""`driftline retrain`: a person asks, the trainer answers, and the gate decides as ever."""

import json
from pathlib import Path

from driftline.broker.embedded import EmbeddedBroker
from tests.e2e.conftest import DATA
from tests.e2e.stack import running

STREAMED = 600


def test_a_retraining_by_hand_ends_in_a_verdict(stream: str, tmp_path: Path, embedded_broker: EmbeddedBroker) -> None:
    with running(tmp_path, stream, embedded_broker.bootstrap, ["trainer"]) as stack:
        early = stack.command("retrain", "--labels", "300", "--no-wait")
        assert early.wait(60) == 2, "a stream without labels has nothing to learn from"
        replay = stack.command(
            "produce", "replay", str(DATA), *("--start-row", "600", "--stop-row", str(600 + STREAMED)), "--rate", "400"
        )
        stack.wait("the replay to end", lambda: replay.poll() is not None)
        stack.wait("every record and label", lambda: (len(stack.ledger.sent), stack.ledger.labels) == (STREAMED,) * 2)
        stack.await_ready()
        asked = stack.command("retrain", "--labels", "300", "--reason", "drill", "--report", str(tmp_path / "r.json"))
        stack.wait("the verdict", lambda: asked.poll() is not None)
    assert asked.returncode == 0
    report = json.loads((tmp_path / "r.json").read_text())
    job, verdict = report["job"], report["verdict"]
    assert (job["requested_by"], job["reason"]) == ("operator", "drill")
    # Offsets hold a transaction's markers too, so a window holds a little less than was asked for.
    assert 250 <= job["labelled_records"] <= 304
    assert verdict["job_id"] == job["job_id"]
    # The same world: 300 rows seldom make a better model than 600, and the gate is to say so, or to prove it.
    assert verdict["kind"] in ("refused", "promoted")
    assert verdict["metrics"]["rows"] >= 40 and verdict["reasons"]
