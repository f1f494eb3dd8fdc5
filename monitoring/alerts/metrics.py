"""What the receiver counts."""

from prometheus_client import CollectorRegistry, Counter

from monitoring.alerts.receiver import ACTIONS, Action

REFUSALS = ("token", "body", "kafka")


class AlertMetrics:
    """Every label value is there from the start, so that a rate is 0 and not unknown before the first alert."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._received = Counter("driftline_alerts_received", "Alerts, by action.", ["action"], registry=registry)
        self._refused = Counter("driftline_alerts_refused", "Webhooks refused.", ["reason"], registry=registry)
        for action in ACTIONS:
            self._received.labels(action)
        for reason in REFUSALS:
            self._refused.labels(reason)

    def received(self, action: Action) -> None:
        self._received.labels(action).inc()

    def refused(self, reason: str) -> None:
        """`reason`: 'token', 'body' or 'kafka'."""
        self._refused.labels(reason).inc()
