"""What a service counts about the registry and the model events: the same for all that use them."""

from prometheus_client import CollectorRegistry, Counter


class RegistryMetrics:
    """Labels are a handful of words, whatever goes wrong: see `driftline.registry.errors` for the causes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._failures = Counter(
            "driftline_registry_failures",
            "Looks at the registry, loads and writes that failed, by cause.",
            ["cause"],
            registry=registry,
        )
        self._odd = Counter(
            "driftline_model_events_odd",
            "Model events that were malformed, ahead of the registry, or contradicted it.",
            ["kind"],
            registry=registry,
        )

    def failed(self, cause: str, times: int = 1) -> None:
        """`cause`: 'unreachable', 'unwritable', 'missing', 'damaged', 'older', 'behind', 'unfit', 'load', 'other'."""
        self._failures.labels(cause).inc(times)

    def odd_event(self, kind: str) -> None:
        """`kind`: 'malformed', 'ahead' or 'contradicting'."""
        self._odd.labels(kind).inc()
