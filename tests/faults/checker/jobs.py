"""Every drift event leads to at most one job at a time, every job to exactly one verdict."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from tests.faults.checker.report import Report

Document = dict[str, Any]
ASKS_AGAIN = ("refused", "failed")
"""Verdicts after which the same drift event may ask once more."""


def check_jobs(report: Report, events: list[Document], jobs: list[Document], model_events: list[Document]) -> None:
    """Count jobs and verdicts that are too many, too few or too early."""
    verdicts = [event for event in model_events if event.get("job_id")]
    report.sizes |= {"events": len(events), "jobs": len(jobs), "verdicts": len(verdicts)}
    for (event_id, revision), count in Counter((e["event_id"], e.get("revision", 0)) for e in events).items():
        report.blame("events_repeated", count - 1, f"{event_id} (revision {revision}): {count} times")
    for job_id, count in Counter(job["job_id"] for job in jobs).items():
        report.blame("jobs_repeated", count - 1, f"{job_id}: {count} times")
    by_job: dict[str, list[Document]] = defaultdict(list)
    for verdict in verdicts:
        by_job[verdict["job_id"]].append(verdict)
    first_jobs = {job["job_id"]: job for job in reversed(jobs)}
    for job_id in first_jobs:
        if job_id not in by_job:
            report.blame("jobs_unanswered", 1, job_id)
    for job_id, own in by_job.items():
        different = {event["event_id"] for event in own}
        report.blame("verdicts_contradictory", len(different) - 1, f"{job_id}: {', '.join(sorted(different))}")
        report.blame("verdicts_repeated", len(own) - len(different), f"{job_id}: {len(own)} records")
    _check_asking(report, list(reversed(first_jobs.values())), by_job)


def _check_asking(report: Report, jobs: list[Document], by_job: dict[str, list[Document]]) -> None:
    """The policy asks for one job at a time, and for one drift again only after a refusal or a failure."""
    before: Document | None = None
    last_of_event: dict[str, Document] = {}
    for job in sorted(jobs, key=lambda job: int(job["offset"])):
        if job.get("requested_by") != "policy":
            continue
        if before is not None:
            answered = [verdict["timestamp"] for verdict in by_job.get(before["job_id"], ())]
            if not answered or min(answered) > job["timestamp"]:
                report.blame("jobs_overlapping", 1, f"{job['job_id']} was asked for before {before['job_id']} ended")
        before = job
        cause = job.get("drift_event_id")
        if cause and cause in last_of_event:
            earlier = last_of_event[cause]["job_id"]
            kinds = {verdict["kind"] for verdict in by_job.get(earlier, ())}
            if not kinds & set(ASKS_AGAIN):
                report.blame("jobs_unasked", 1, f"{job['job_id']} repeats {earlier} for {cause}: {kinds or 'open'}")
        if cause:
            last_of_event[cause] = job
