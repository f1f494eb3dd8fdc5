"""The notifier's state machine: records of the loop in, CloudEvents out, webhooks handed to a courier."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from pydantic import ValidationError

from driftline.kafka.interface import Batch, Outgoing, TopicPartition
from driftline.records.loop import DriftEvent, ModelEvent, RetrainingJob
from driftline.service.core import Step
from driftline.spec.alerts import WebhookSpec
from driftline.spec.stream import StreamSpec
from monitoring.notify.messages import Message, Topic

log = structlog.get_logger()

# Told too late, a message is noise: a notifier that was away for a day must not wake people with yesterday.
OLDEST_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body for one webhook."""

    hook: WebhookSpec
    body: bytes
    content_type: str


class Courier(Protocol):
    """Brings deliveries to their webhooks, beside the loop."""

    def send(self, delivery: Delivery) -> None:
        """Begin one."""

    def settled(self) -> int:
        """Deliveries that have arrived or were given up since the last call."""


class NotifierCore:
    """Tells of each record once it is read, and commits once every webhook has it or was given up.

    So a notifier that is killed tells again what may not have arrived: at least once, with the same id. CloudEvents on
    the topic are written in the transaction of the offsets, so each is there exactly once.
    """

    def __init__(self, spec: StreamSpec, courier: Courier) -> None:
        self._spec, self._courier = spec, courier
        topics = spec.topics
        self._kinds: dict[str, tuple[Topic, type[DriftEvent] | type[RetrainingJob] | type[ModelEvent]]] = {
            topics.drift_events: ("drift", DriftEvent),
            topics.retraining_jobs: ("retraining", RetrainingJob),
            topics.model_events: ("model", ModelEvent),
        }
        self._left = 0
        self._outputs: list[Outgoing] = []
        self.told: Counter[str] = Counter()
        """Messages by topic."""
        self.malformed = self.stale = 0

    def process(self, batches: Sequence[Batch], now_ms: int) -> Step:
        for batch in batches:
            topic, model = self._kinds[batch.topic]
            for value, at in zip(batch.values, batch.timestamps, strict=True):
                if value is None:
                    continue
                try:
                    message = Message(topic, model.from_json(value))
                except ValidationError:
                    self.malformed += 1
                    continue
                self._tell(message, late=now_ms - at > OLDEST_MS)
        return self.tick(now_ms)

    def tick(self, now_ms: int) -> Step:
        self._left -= self._courier.settled()
        if self._left > 0:
            return Step(busy=True)
        outputs, self._outputs = self._outputs, []
        return Step(outputs)

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is remembered between two records."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """What is under way arrives all the same; its next owner tells it again."""
        self._outputs = []

    def _tell(self, message: Message, late: bool) -> None:
        self.told[message.topic] += 1
        self._outputs.append(Outgoing(self._spec.topics.notifications, [message.cloud_event()], [message.id.encode()]))
        if late:
            self.stale += 1
            return
        for hook in self._spec.notify.webhooks:
            if message.wanted_by(hook):
                chat = hook.format == "slack"
                body = message.slack() if chat else message.cloud_event()
                kind = "application/json" if chat else "application/cloudevents+json"
                self._left += 1
                self._courier.send(Delivery(hook, body, kind))
