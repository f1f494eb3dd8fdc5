"""The monitor's log: a line for what it found and for what it asked."""

from structlog.testing import capture_logs

from driftline.records.loop import DriftEvent, RetrainingJob
from monitoring.logs import tell
from tests.monitoring.stream import make_spec
from tests.monitoring.test_core import fresh_core, world


def test_a_drift_and_its_job_are_a_line_each() -> None:
    spec = make_spec()
    core = fresh_core(spec)
    outputs = [out for polled, now_ms in world(spec).batches for out in core.process(polled, now_ms).outputs]
    with capture_logs() as lines:
        tell(spec.topics, outputs)
    events = [DriftEvent.from_json(out.values[0] or b"") for out in outputs if out.topic == spec.topics.drift_events]
    jobs = [
        RetrainingJob.from_json(out.values[0] or b"") for out in outputs if out.topic == spec.topics.retraining_jobs
    ]
    assert events
    assert jobs
    drifts = [line for line in lines if line["event"].startswith("drift ")]
    assert [(line["event"], line["drift_event"]) for line in drifts] == [
        (f"drift {event.state}", event.event_id) for event in events
    ]
    alarm = next(line for line in drifts if line["severity"] == "alarm" and line["event"] == "drift opened")
    assert alarm["log_level"] == "warning"
    asked = [line for line in lines if line["event"] == "retraining asked for"]
    assert [(line["job"], line["drift_event"]) for line in asked] == [(job.job_id, job.drift_event_id) for job in jobs]
    assert len(lines) == len(drifts) + len(asked)
