"""A retraining that is due, as a job."""

from collections.abc import Mapping

from driftline.records.loop import RetrainingJob, Window
from monitoring.labels.history import History, Moment
from monitoring.policy.ask import Ask


def retraining_job(
    ask: Ask,
    history: History,
    onset: Moment | None,
    *,
    stream: str,
    version: int,
    feature_ends: Mapping[int, int],
    label_ends: Mapping[int, int],
    now_ms: int,
) -> RetrainingJob:
    """The job, with a window from the onset until now, or of the newest records, as far back as is remembered.

    Without an onset the ask says how many of the newest.
    """
    start = onset if onset is not None and ask.newest is None else history.newest(ask.newest or 0)
    place = history.place(start, feature_ends, label_ends)
    features = {p: (place.features.get(p, end), end) for p, end in feature_ends.items()}
    labels = {p: (place.labels.get(p, end), end) for p, end in label_ends.items()}
    reason, event = ask.reason, ask.event
    if not reason and event is not None:
        again = f" (attempt {ask.attempt})" if ask.attempt > 1 else ""
        reason = f"{event.kind.value} drift, {event.severity}{again}: {event.summary}"
    return RetrainingJob(
        job_id=ask.job_id,
        stream=stream,
        requested_by="policy",
        reason=reason,
        requested_at=now_ms,
        drift_event_id=ask.event_id,
        champion_version=version,
        window=Window(features=features, labels=labels),
        labelled_records=history.labelled_within(features, labels),
        action=ask.action,
        target_version=ask.target,
    )
