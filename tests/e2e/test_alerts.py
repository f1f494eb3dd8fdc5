"""The receiver as a process, on a real broker: one job on the topic, over a restart too."""

import json
import urllib.error
import urllib.request
from pathlib import Path

from driftline.broker.embedded import EmbeddedBroker
from tests.e2e.conftest import DATA
from tests.e2e.receiving import TOKEN, receiver
from tests.e2e.stack import running

FIRING = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DriftlineAccuracyBelowTarget"},
            "annotations": {"summary": "accuracy 0.61"},
            "startsAt": "2026-01-01T00:00:00Z",
            "fingerprint": "f",
        }
    ],
}


def post(url: str, token: str = TOKEN) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(
        url, json.dumps(FIRING).encode(), {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_an_alert_becomes_one_job_over_a_restart_too(
    stream: str, tmp_path: Path, embedded_broker: EmbeddedBroker
) -> None:
    with running(tmp_path, stream, embedded_broker.bootstrap, []) as stack:
        with receiver(stack) as url:
            assert post(url, "another-token-of-enough")[0] == 401
            # Nothing to learn from yet: the sender is to try again.
            assert post(url)[0] == 503
            replay = stack.command("produce", "replay", str(DATA), "--stop-row", "200", "--rate", "400")
            stack.wait("labels", lambda: stack.ledger.labels == 200)
            replay.wait(30)
            status, first = post(url)
            assert (status, post(url)[0]) == (200, 200)
        with receiver(stack) as url:
            status, again = post(url)
        stack.wait("the job", lambda: bool(stack.ledger.jobs))
        (asked,), (repeated,) = first["alerts"], again["alerts"]
        assert (asked["action"], repeated["action"]) == ("retrain", "repeated")
        assert asked["job_id"] == repeated["job_id"]
        (job,) = stack.ledger.jobs
        assert (job.job_id, job.requested_by) == (asked["job_id"], "alert")
        assert job.reason == "alert DriftlineAccuracyBelowTarget: accuracy 0.61"
