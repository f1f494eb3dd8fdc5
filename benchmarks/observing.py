"""What observing costs: the service loop and the consumer's core with metrics and traces and without, in one process.

    python -m benchmarks.observing

The loop, the core, the decoder, the model (LiteRT) and the metrics are the product's; only Kafka is left out: batches
of encoded records come out of memory, and what is written is dropped. So the shares are of the consumer's own work, the
most that they can be; beside a Kafka client they are smaller. While metrics are on, another thread scrapes them every
second. Spans go to a file (OpenTelemetry's SDK, the extra `otel`). Counted is the CPU time of the whole process, with
the scrapes and the writing, so that neighbours on the machine do not show; the ways alternate round by round, and each
ratio is of one round.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.serving import DEVICES, PARTITIONS, prepare, rows, stream
from consumers.core import ConsumerCore, Version
from consumers.metrics import ConsumerMetrics
from consumers.service import METRICS_EVERY
from consumers.tracing import AnswerTraces
from driftline.kafka.interface import NO_REBALANCE, Batch, Rebalance
from driftline.model.answers import Decision
from driftline.model.scorer import Scorer, open_scorer
from driftline.registry.manifest import Champion, Manifest
from driftline.service.clock import SystemClock
from driftline.service.loop import Hooks, LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from driftline.spec import StreamSpec
from driftline.spec.observability import TracesSpec
from driftline.tracing.export import Exporter
from driftline.tracing.identity import Identity
from producers.encode import encode_features

SCRAPE_EVERY = 1.0
# Different batches made before the clock starts; they come again and again under new offsets.
PREPARED = 40


class Memory:
    """A Kafka client whose records lie in memory and whose outputs go nowhere."""

    name = "memory"

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches

    def reader(
        self, group: str, topics: Sequence[str], rebalance: Rebalance = NO_REBALANCE, **_: Any
    ) -> "MemoryReader":
        return MemoryReader(self._batches, rebalance)

    def writer(self, transactional_id: str | None = None) -> "MemoryWriter":
        return MemoryWriter()


class MemoryReader:
    def __init__(self, batches: Sequence[Batch], rebalance: Rebalance) -> None:
        self._batches, self._rebalance, self._turn = batches, rebalance, 0
        self._owned = frozenset((batch.topic, batch.partition) for batch in batches)

    def poll(self, timeout: float, max_records: int) -> list[Batch]:
        if not self._turn:
            self._rebalance.assigned(self._owned)
        self._turn += 1
        return [self._batches[self._turn % len(self._batches)]]

    def assignment(self) -> frozenset[tuple[str, int]]:
        return self._owned

    def remarks(self) -> dict[tuple[str, int], str]:
        return {}

    skipped = lag = committed = remarks

    def pause(self, partitions: object = None) -> None: ...

    resume = seek = pause

    def keep_headers(self) -> None: ...

    def close(self) -> None: ...


class MemoryWriter:
    def send(self, out: object) -> None: ...

    def commit(self, reader: object, offsets: object, remark: str = "") -> None: ...

    def close(self) -> None: ...


class Silent(LoopMetrics):
    """The loop without metrics."""

    def __init__(self) -> None:
        super().__init__(CollectorRegistry())

    def batch(self, *_: Any) -> None: ...

    committed = lag = batch


Observed = tuple[LoopMetrics, Hooks]
"""How one way observes the loop."""


@contextmanager
def nothing(core: ConsumerCore) -> Iterator[Observed]:
    yield Silent(), Hooks()


@contextmanager
def metrics(core: ConsumerCore) -> Iterator[Observed]:
    registry, clock, done = CollectorRegistry(), SystemClock(), threading.Event()
    made, loop = ConsumerMetrics(registry), LoopMetrics(registry, stateful=False)
    made.installed(Champion(version=1, sequence=1, changed_at=clock.now_ms(), event_id="first"), clock.now_ms())

    def scrape() -> None:
        while not done.wait(SCRAPE_EVERY):
            generate_latest(registry)

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    copied = 0.0

    def between() -> None:
        nonlocal copied
        if (now := clock.monotonic()) - copied >= METRICS_EVERY:
            copied = now
            made.copy(core)

    yield loop, Hooks(between=between, committed=lambda outputs: made.committed(core, clock.now_ms()))
    done.set()
    thread.join()


@contextmanager
def traces(core: ConsumerCore, share: float, spec: StreamSpec) -> Iterator[Observed]:
    """Metrics too."""
    wanted = TracesSpec(to="file", share=share)
    with metrics(core) as (counted, hooks), tempfile.TemporaryDirectory() as folder:
        exporter = Exporter(wanted, Path(folder), spec.stream, "observing", "consumer")
        hooks.tracing = AnswerTraces(spec, core, Identity(spec.stream, share), exporter, time.time_ns)
        yield counted, hooks
        exporter.close()


Way = Callable[[ConsumerCore], Any]


def ways(spec: StreamSpec, shares: Sequence[float]) -> dict[str, Way]:
    followed = {f"metrics, traces of {share:.1%}": partial(traces, share=share, spec=spec) for share in shares}
    return {"nothing": nothing, "metrics": metrics, **followed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000, help="of one way in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, nargs="+", default=[512, 32], help="records of a batch")
    parser.add_argument(
        "--shares", type=float, nargs="*", default=[0.0, 0.001, 0.01, 0.1], help="of the records that are followed"
    )
    parser.add_argument("--report", type=Path, help="write the figures to this file, as JSON")
    arguments = parser.parse_args()
    spec = stream("observing", "kafka-python")
    with tempfile.TemporaryDirectory() as folder:
        workspace = prepare(Path(folder) / spec.stream, spec, Path(folder) / "models")
        manifest = workspace.registry.manifest(1)
        with workspace.registry.local_copy(1) as files:
            scorer = open_scorer(manifest, files)
    figures = {
        f"batches of {size}": measure(
            spec, manifest, scorer, size, arguments.records, arguments.rounds, ways(spec, arguments.shares)
        )
        for size in arguments.batch
    }
    print(json.dumps(figures, indent=2))
    if arguments.report:
        arguments.report.write_text(json.dumps(figures, indent=2) + "\n")


def measure(
    spec: StreamSpec,
    manifest: Manifest,
    scorer: Scorer,
    size: int,
    records: int,
    rounds: int,
    found: Mapping[str, Way],
) -> dict[str, dict[str, Any]]:
    """Of each way: records a second of CPU time in each round, and the median of its ratios to no observing."""
    batches = prepared(spec, size)
    rates: dict[str, list[float]] = {way: [] for way in found}
    for number in range(rounds):
        order = list(found) if number % 2 == 0 else list(found)[::-1]
        for way in order:
            core = ConsumerCore(spec)
            core.install(Version(1, 1, scorer, Decision.of(spec, manifest)))
            rates[way].append(serve(core, spec, batches, records, found[way]))
            print(f"batches of {size}, {way}: {rates[way][-1]:,.0f} records/s", file=sys.stderr, flush=True)
    return {
        way: {
            "records_per_cpu_second": [round(rate) for rate in measured],
            "ratio": round(statistics.median(a / b for a, b in zip(measured, rates["nothing"], strict=True)), 3),
        }
        for way, measured in rates.items()
    }


def serve(core: ConsumerCore, spec: StreamSpec, batches: Sequence[Batch], records: int, way: Way) -> float:
    client: Any = Memory(batches)
    settings = LoopSettings("g", [spec.topics.features], batch_size=len(batches[0]), max_wait=0.0)
    with way(core) as (counted, hooks):
        loop = ServiceLoop(core, client, settings, SystemClock(), counted, hooks)
        loop.round()  # what is made once is no record's cost
        before, started = core.counts.predictions.total(), time.process_time()
        loop.run(lambda: core.counts.predictions.total() >= before + records)
        return (core.counts.predictions.total() - before) / (time.process_time() - started)


def prepared(spec: StreamSpec, size: int) -> list[Batch]:
    """Batches as a poll of a consumer that owns all partitions brings them, one partition after another."""
    made = []
    for number in range(PREPARED):
        start = number * size
        devices = [f"device-{i % DEVICES}" for i in range(size)]
        ids = [f"r{start + i:08}" for i in range(size)]
        values = encode_features(ids, devices, int(time.time() * 1000), rows(size, number).tolist())
        made.append(
            Batch(
                spec.topics.features,
                number % PARTITIONS,
                range(start, start + size),
                [0] * size,
                [device.encode() for device in devices],
                values,
            )
        )
    return made


if __name__ == "__main__":
    main()
