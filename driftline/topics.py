"""The topics of a stream: their names, partitions and clean-up policies."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How one topic is to be created.

    `co_partitioned` topics have the stream's partition count, so that features, predictions and labels of one
    device share a partition number; the others have a single partition, because their order matters as a whole.
    """

    name: str
    co_partitioned: bool
    cleanup: Literal["delete", "compact"]
    keep_forever: bool = False
    readable_for_retention: bool = False
    """Compacted only once it is older than the stream's retention: a monitor that was away for a day finds the verdict
    on its job, although another champion has taken the key since."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names of the stream `stream`.

    >>> Topics("pumps").dead_letters
    'pumps.dead-letters'
    """

    stream: str

    @property
    def features(self) -> str:
        return f"{self.stream}.features"

    @property
    def predictions(self) -> str:
        return f"{self.stream}.predictions"

    @property
    def labels(self) -> str:
        return f"{self.stream}.labels"

    @property
    def dead_letters(self) -> str:
        return f"{self.stream}.dead-letters"

    @property
    def drift_events(self) -> str:
        return f"{self.stream}.drift-events"

    @property
    def retraining_jobs(self) -> str:
        return f"{self.stream}.retraining-jobs"

    @property
    def model_events(self) -> str:
        return f"{self.stream}.model-events"

    @property
    def audit(self) -> str:
        return f"{self.stream}.audit"

    @property
    def monitor_state(self) -> str:
        return f"{self.stream}.monitor-state"

    @property
    def labels_wanted(self) -> str:
        return f"{self.stream}.labels-wanted"

    @property
    def notifications(self) -> str:
        return f"{self.stream}.notifications"

    def plans(self) -> tuple[TopicPlan, ...]:
        """All topics of the stream.

        Drift events, jobs, verdicts and the audit are few and are the stream's history, so they are kept for ever;
        model events are compacted to the newest of each key (the champion, and one verdict a job), the monitor's state
        to the newest of each of its parts.
        """
        return (
            TopicPlan(self.features, True, "delete"),
            TopicPlan(self.predictions, True, "delete"),
            TopicPlan(self.labels, True, "delete"),
            TopicPlan(self.dead_letters, True, "delete"),
            TopicPlan(self.drift_events, False, "delete", keep_forever=True),
            TopicPlan(self.retraining_jobs, False, "delete", keep_forever=True),
            TopicPlan(self.model_events, False, "compact", readable_for_retention=True),
            TopicPlan(self.audit, False, "delete", keep_forever=True),
            TopicPlan(self.monitor_state, False, "compact"),
            TopicPlan(self.notifications, False, "delete"),
            TopicPlan(self.labels_wanted, False, "delete"),
        )
