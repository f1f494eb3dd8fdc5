"""A histogram of latencies that takes a whole batch at once."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Exemplar

# From a record that is answered at once to one that waited for an hour while the service was down.
LATENCIES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)
# Latencies kept before they are sorted into buckets: a batch of a few would cost as much as one of thousands.
KEPT = 4_096
NOBODY: Mapping[int, int] = {}


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
        self._counts = np.zeros(len(self._labels), dtype=np.int64)
        self._sum = 0.0
        self._kept: deque[NDArray[np.int64]] = deque()
        self._left = KEPT
        self._exemplars: dict[int, Exemplar] = {}
        # A scrape comes on another thread.
        self._counting = threading.Lock()
        registry.register(self)

    def observe(self, milliseconds: NDArray[np.int64], traces: Mapping[int, int] = NOBODY) -> None:
        """Count n latencies, ms; one below 0 (a device whose clock is ahead) counts as 0.

        Parameters
        ----------
        traces : index → trace id of those that are followed: each bucket shows its newest one as exemplar.
        """
        for row, trace in traces.items():
            seconds = max(int(milliseconds[row]), 0) / 1_000
            bucket = int(np.searchsorted(self._bounds, seconds))
            self._exemplars[bucket] = Exemplar({"trace_id": f"{trace:032x}"}, seconds)
        self._kept.append(milliseconds)
        self._left -= len(milliseconds)
        if self._left <= 0:
            self._left = KEPT
            with self._counting:
                self._count()

    def collect(self) -> Iterator[Metric]:
        with self._counting:
            self._count()
            counts, total = self._counts.cumsum().tolist(), self._sum
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = [
            (label, count) if (shown := self._exemplars.get(bucket)) is None else (label, count, shown)
            for bucket, (label, count) in enumerate(zip(self._labels, counts, strict=True))
        ]
        family = HistogramMetricFamily(self._name, self._text)
        family.add_metric([], buckets, total)
        yield family

    def _count(self) -> None:
        kept = [self._kept.popleft() for _ in range(len(self._kept))]
        if kept:
            seconds = np.maximum(np.concatenate(kept), 0) / 1_000
            self._counts += np.bincount(np.searchsorted(self._bounds, seconds), minlength=len(self._labels))
            self._sum += float(seconds.sum())
