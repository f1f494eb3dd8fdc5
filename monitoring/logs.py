"""What the monitor says of its findings: a line a drift event and a job, once they are committed."""

from collections.abc import Sequence

import structlog

from driftline.kafka.interface import Outgoing
from driftline.records.loop import DriftEvent, RetrainingJob
from driftline.topics import Topics

log = structlog.get_logger()


def tell(topics: Topics, outputs: Sequence[Outgoing]) -> None:
    """Log the drift events and jobs among `outputs`; an alarm that opens or grows is a warning."""
    for out in outputs:
        for value in out.values:
            if value is None:
                continue
            if out.topic == topics.drift_events:
                _drift(DriftEvent.from_json(value))
            elif out.topic == topics.retraining_jobs:
                _job(RetrainingJob.from_json(value))


def _drift(event: DriftEvent) -> None:
    (log.warning if event.severity == "alarm" and event.counts else log.info)(
        f"drift {event.state}",
        drift_event=event.event_id,
        kind=event.kind.value,
        severity=event.severity,
        version=event.model_version,
        onset_record=event.onset.record_id,
        detected_record=event.detected.record_id,
        summary=event.summary,
    )


def _job(job: RetrainingJob) -> None:
    log.info(
        "retraining asked for",
        job=job.job_id,
        drift_event=job.drift_event_id,
        action=job.action,
        version=job.champion_version,
        labelled=job.labelled_records,
    )
