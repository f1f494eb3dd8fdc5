"""A histogram of latencies that takes a whole batch at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

# From a record that is answered at once to one that waited for an hour while the service was down.
LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)


class LatencyHistogram(Collector):
    """Counts latencies by columns: one batch costs the same few array operations, whatever its length.

    prometheus-client's own `Histogram` takes one value a call, about 1 µs each.

    Parameters
    ----------
    bounds : upper bounds of the buckets, seconds, rising.
    """

    def __init__(
        self, name: str, text: str, registry: CollectorRegistry, bounds: tuple[float, ...] = LATENCIES
    ) -> None:
        self._name, self._text = name, text
        self._bounds = np.asarray(bounds, dtype=np.float64)
        self._labels = [*map(str, bounds), "+Inf"]
        # Buckets, one beyond the last bound, and the sum, in one array: a scrape on another thread sees all of a
        # batch or nothing of it.
        self._seen = np.zeros(len(bounds) + 2)
        registry.register(self)

    def observe(self, seconds: NDArray[np.float64]) -> None:
        """Count n latencies, seconds; one below 0 (a device whose clock is ahead) counts as 0."""
        seconds = np.maximum(seconds, 0.0)
        buckets = np.bincount(np.searchsorted(self._bounds, seconds), minlength=len(self._labels))
        self._seen = self._seen + np.append(buckets, seconds.sum())

    def collect(self) -> Iterator[Metric]:
        seen = self._seen
        family = HistogramMetricFamily(self._name, self._text)
        family.add_metric([], list(zip(self._labels, seen[:-1].cumsum().tolist(), strict=True)), float(seen[-1]))
        yield family
