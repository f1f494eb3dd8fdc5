"""Which alerts become jobs: named ones, once each, and not too many."""

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from driftline.records.loop import RetrainingJob
from driftline.spec.alerts import AlertsSpec
from monitoring.alerts.payload import Alert

DAY_MS = 86_400_000
Action = Literal["retrain", "resolved", "unnamed", "elsewhere", "repeated", "limited"]
ACTIONS: tuple[Action, ...] = ("retrain", "resolved", "unnamed", "elsewhere", "repeated", "limited")
# Jobs remembered so that an alert that is sent again asks for nothing twice. The trainer, too, answers a job once.
_REMEMBERED = 10_000
# Of an annotation that becomes a job's reason.
_REASON = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about one alert, and why, for the sender to read."""

    alert: str
    action: Action
    reason: str
    job_id: str | None = None


class Receiver:
    """Decides on alerts; pure: the caller asks for the jobs and says so with `asked`.

    Parameters
    ----------
    stream : its name; an alert whose label `stream` names another one is not for it.
    spec : the alerts section.
    """

    def __init__(self, stream: str, spec: AlertsSpec) -> None:
        self._stream, self._spec = stream, spec
        self._known: dict[str, None] = {}
        self._times: deque[int] = deque()

    def recall(self, jobs: Iterable[RetrainingJob]) -> None:
        """Remember the jobs that alerts asked for before this process began, oldest first."""
        for job in jobs:
            if job.requested_by == "alert":
                self.asked(job.job_id, job.requested_at)

    def decide(self, alert: Alert, now_ms: int) -> Decision:
        """What to do about one alert."""
        name, spec = alert.name, self._spec
        if alert.status != "firing":
            return Decision(name, "resolved", f"status is {alert.status}")
        if name not in spec.retrain_on:
            return Decision(name, "unnamed", f"alerts.retrain_on names {', '.join(spec.retrain_on) or 'none'}")
        if (meant := alert.labels.get("stream", self._stream)) != self._stream:
            return Decision(name, "elsewhere", f"it is about the stream {meant}; this is {self._stream}")
        job_id = self.job_id(alert)
        if job_id in self._known:
            return Decision(name, "repeated", "asked for already", job_id)
        while self._times and self._times[0] <= now_ms - DAY_MS:
            self._times.popleft()
        if self._times and now_ms - self._times[-1] < spec.minimum_seconds_between * 1_000:
            rest = spec.minimum_seconds_between - (now_ms - self._times[-1]) // 1_000
            return Decision(name, "limited", f"alerts.minimum_seconds_between: another {rest} s")
        if len(self._times) >= spec.per_day:
            return Decision(name, "limited", f"alerts.per_day: {spec.per_day} were asked for in 24 hours")
        why = alert.annotations.get("summary") or alert.annotations.get("description") or "no summary"
        return Decision(name, "retrain", f"alert {name}: {why[:_REASON]}", job_id)

    def asked(self, job_id: str, at_ms: int) -> None:
        """A job was put on the topic."""
        if job_id not in self._known:
            self._known[job_id] = None
            self._times.append(at_ms)
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        while len(self._times) > _REMEMBERED:
            self._times.popleft()

    def job_id(self, alert: Alert) -> str:
        """The same for the same firing of the same alert, however often it is sent, and by whichever sender's retry."""
        # Without a fingerprint (older senders), the labels say which alert it is.
        labels = "|".join(f"{key}={value}" for key, value in sorted(alert.labels.items()))
        text = f"{self._stream}|{alert.fingerprint or labels}|{alert.starts_at}"
        return "alert-" + hashlib.sha256(text.encode()).hexdigest()[:16]
