"""What the notifier counts."""

from collections import Counter

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as PrometheusCounter

from driftline.spec.alerts import NotifySpec


class NotifyMetrics:
    """Labels are the webhooks of the specification and a handful of words."""

    def __init__(self, registry: CollectorRegistry, spec: NotifySpec) -> None:
        self._messages = PrometheusCounter(
            "driftline_notifications", "Records told of, by topic.", ["topic"], registry=registry
        )
        self._deliveries = PrometheusCounter(
            "driftline_notification_deliveries",
            "Deliveries ended, by webhook and result.",
            ["webhook", "result"],
            registry=registry,
        )
        for topic in ("drift", "retraining", "model"):
            self._messages.labels(topic)
        for hook in spec.webhooks:
            for result in ("delivered", "given-up"):
                self._deliveries.labels(hook.name, result)
        self._seen: Counter[object] = Counter()

    def copy(self, told: Counter[str], results: Counter[tuple[str, str]]) -> None:
        """Carry plain counts over."""
        for topic, count in told.items():
            self._messages.labels(topic).inc(count - self._seen[topic])
            self._seen[topic] = count
        for key, count in list(results.items()):
            self._deliveries.labels(*key).inc(count - self._seen[key])
            self._seen[key] = count
