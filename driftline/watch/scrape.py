"""Asking running services how they are: their health and their metrics, over HTTP."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

# Services answer from a thread of their own in a few milliseconds; one that takes longer than this is in trouble.
TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one service."""

    instance: str
    url: str
    ready: bool
    message: str
    detail: dict[str, Any] = field(default_factory=dict)
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = field(default_factory=dict)
    """Metric name → labels → value."""

    def total(self, metric: str, **labels: str) -> float:
        """Sum of a metric's samples that carry these labels; 0.0 where there are none."""
        wanted = set(labels.items())
        return sum(value for key, value in self.samples.get(metric, {}).items() if wanted <= set(key))

    def value(self, metric: str) -> float | None:
        """An unlabelled metric's value, None if it has none."""
        return self.samples.get(metric, {}).get(())


def look(instance: str, url: str) -> Look:
    """Health and metrics of the service at `url`; a service that does not answer is not ready, never an exception."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=TIMEOUT) as answer:
            health = json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            health = json.load(error)
        except ValueError:
            health = {"ok": False, "message": f"HTTP {error.code}"}
    except (OSError, ValueError) as error:
        return Look(instance, url, False, f"no answer: {error}")
    samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    try:
        with urllib.request.urlopen(f"{url}/metrics", timeout=TIMEOUT) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    except (OSError, ValueError) as error:
        return Look(instance, url, False, f"no metrics: {error}")
    detail = {key: value for key, value in health.items() if key not in ("ok", "message")}
    return Look(instance, url, bool(health["ok"]), str(health["message"]), detail, samples)
