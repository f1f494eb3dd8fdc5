"""The closed loop, end to end, on both brokers: drift found, model replaced while the stream runs, nothing lost."""

from pathlib import Path

from driftline.demo.story import row_of
from driftline.records import DriftKind, ModelEventKind
from tests.e2e.conftest import DATA
from tests.e2e.stack import running

# The stream's world changes here (see the demonstration's data notice).
CHANGE = 1_775
START, STOP = 1_300, 3_000
# Fast enough that the test is short, slow enough that a training of some seconds leaves stream to see the swap in,
# beside other tests too.
RATE = 50


def test_the_loop_closes(stream: str, tmp_path: Path, bootstrap: str) -> None:
    with running(tmp_path, stream, bootstrap, ["consumer", "monitor", "trainer"]) as stack:
        stack.await_ready()
        replay = stack.command(
            "produce", "replay", str(DATA), *("--start-row", str(START), "--stop-row", str(STOP)),
            *("--rate", str(RATE), "--label-delay", "20 records"),
        )  # fmt: skip
        ledger, total = stack.ledger, STOP - START
        stack.wait("the replay to end", lambda: replay.poll() is not None)
        assert replay.returncode == 0
        stack.wait("every label to be joined", lambda: len(ledger.outcomes) == total and ledger.settled)
        stack.wait("a verdict", lambda: any(event.job_id for event in ledger.model_events))

    # Nothing lost, nothing twice, in the topics as a read_committed reader sees them.
    assert (len(ledger.sent), ledger.labels) == (total, total)
    assert (ledger.lost, ledger.duplicates, sum(ledger.buried.values())) == (0, 0, 0)

    # The change was found, and its moment named; nothing was alarmed before it.
    concept = [event for event in ledger.drift_events if event.kind is DriftKind.CONCEPT and event.state == "opened"]
    assert concept
    assert all((row_of(event.detected.record_id) or 0) >= CHANGE for event in ledger.drift_events)
    assert (row_of(concept[0].detected.record_id) or 0) - CHANGE <= 300
    assert abs((row_of(concept[0].onset.record_id) or 0) - CHANGE) <= 60
    assert concept[0].features

    # One job, asked for by that event, one verdict, and the new version answers from some row on. What else is asked
    # for is its refinement, once there are more records of the new world.
    assert [job.action for job in ledger.jobs] in (["retrain-onset"], ["retrain-onset", "retrain-window"])
    assert ledger.jobs[0].drift_event_id == concept[0].event_id
    verdicts = [event for event in ledger.model_events if event.job_id == ledger.jobs[0].job_id]
    assert [event.kind for event in verdicts] == [ModelEventKind.PROMOTED]
    new = verdicts[0].version
    assert new == 2
    swapped = {row_of(record_id) for record_id, version in ledger.version_at.items() if version == new}
    assert swapped
    assert min(row or 0 for row in swapped) > CHANGE

    # Before the change it was right, in the drift it was not, and the new version is again.
    right = {row_of(o.record_id) or 0: o.correct for o in ledger.outcomes}
    first = min(row or 0 for row in swapped)
    before = [ok for row, ok in right.items() if row < CHANGE]
    during = [ok for row, ok in right.items() if CHANGE <= row < first]
    after = [o.correct for o in ledger.outcomes if o.version == new]
    assert sum(during) / len(during) < 0.5 < 0.75 < sum(after) / len(after)
    assert sum(before) / len(before) > 0.8

    # The version can be traced to the window it was trained on and to the event that caused it.
    manifest = stack.workspace.registry.manifest(new)
    assert manifest.drift_event_id == concept[0].event_id
    assert manifest.data.window == ledger.jobs[0].window
    assert (row_of(manifest.data.first_record_id) or 0) >= CHANGE - 60
