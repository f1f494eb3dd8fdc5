"""What each delivery guarantee costs: the same consumer exactly once, at least once, and without any commit.

    python -m benchmarks.delivery                          # Apache Kafka from its own jars (Java, Maven)
    python -m benchmarks.delivery --client kafka-python    # one of the two Kafka clients

The same records are answered by the real consumer core under the real service loop in a process of its own, three times
a round and in turn. 'none' sends and flushes each batch and commits no offset, ever: what it loses and repeats is
everything. Rates come from the broker's timestamps of the first and the last prediction.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from benchmarks.serving import broker, fill, prepare, rate, say, stream
from consumers.core import ConsumerCore, Version
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import NO_REBALANCE, Client, Offsets, Outgoing, Reader, Rebalance, TopicRequest, Writer
from driftline.model.answers import Decision
from driftline.model.scorer import open_scorer
from driftline.service.clock import SystemClock
from driftline.service.loop import LoopSettings, ServiceLoop
from driftline.service.metrics import LoopMetrics
from driftline.workspace import Workspace

MODES = ("none", "at-least-once", "exactly-once")


class Uncommitted:
    """A client whose writers flush what they send and commit no offsets."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.name = client.name

    def reader(
        self, group: str, topics: list[str], rebalance: Rebalance = NO_REBALANCE, *, exclusive: bool = False
    ) -> Reader:
        return self._client.reader(group, topics, rebalance, exclusive=exclusive)

    def writer(self, transactional_id: str | None = None) -> Writer:
        return _Flushing(self._client.writer(None))


class _Flushing:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def send(self, out: Outgoing) -> None:
        self._writer.send(out)

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        self._writer.commit(None, {})

    def abort(self) -> None:
        self._writer.abort()

    def close(self) -> None:
        self._writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--client", choices=("auto", "kafka-python", "confluent-kafka"), default="auto")
    parser.add_argument("--bootstrap", help="a running broker; by default Apache Kafka is started from its jars")
    parser.add_argument("--report", type=Path, help="write the figures to this file, as JSON")
    parser.add_argument("--serve", nargs=4, metavar=("MODE", "BOOTSTRAP", "SPEC", "RECORDS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        mode, bootstrap, path, records = arguments.serve
        serve(mode, bootstrap, Path(path), int(records))
        return
    with tempfile.TemporaryDirectory() as folder, broker(arguments.bootstrap, Path(folder)) as bootstrap:
        figures = measure(Path(folder), bootstrap, arguments.client, arguments.records, arguments.rounds)
    print(json.dumps(figures, indent=2))
    if arguments.report:
        arguments.report.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, bootstrap: str, client_name: str, records: int, rounds: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {mode: [] for mode in MODES}
    name = client_name
    for number in range(rounds):
        # Another order each round, so that no mode always comes first, when the broker's caches are cold.
        for mode in MODES[number % 3 :] + MODES[: number % 3]:
            spec = stream(f"delivery-{number}-{mode}", client_name)
            client = connect(Endpoint(bootstrap, spec.kafka, "delivery"))
            name = client.name
            client.ensure_topics([*topic_requests(spec), TopicRequest(f"{spec.stream}.spare", 1, 1, {})])
            fill(client, spec, records)
            workspace = prepare(folder / spec.stream, spec, folder / "models")
            command = [
                sys.executable,
                "-m",
                "benchmarks.delivery",
                "--client",
                client_name,
                "--serve",
                mode,
                bootstrap,
                str(workspace.path),
            ]
            subprocess.run([*command, str(records)], check=True, stderr=subprocess.DEVNULL)
            rates[mode].append(rate(client, spec.topics.predictions, records)[0])
            say(f"round {number + 1}, {mode}: {rates[mode][-1]:,.0f} records/s")
    floor = rates["none"]
    return {
        "client": name,
        "records": records,
        "records_per_second": {mode: [round(r) for r in found] for mode, found in rates.items()},
        "ratio_to_none": {
            mode: round(statistics.median(a / b for a, b in zip(found, floor, strict=True)), 3)
            for mode, found in rates.items()
        },
        "exactly_once_to_at_least_once": round(
            statistics.median(a / b for a, b in zip(rates["exactly-once"], rates["at-least-once"], strict=True)),
            3,
        ),
    }


def serve(mode: str, bootstrap: str, path: Path, records: int) -> None:
    """Answer `records` records under one guarantee."""
    workspace = Workspace(path)
    spec = workspace.spec
    client: Any = connect(Endpoint(bootstrap, spec.kafka, f"{spec.stream}-0"))
    core = ConsumerCore(spec)
    manifest = workspace.registry.manifest(1)
    with workspace.registry.local_copy(1) as folder:
        core.install(Version(1, 1, open_scorer(manifest, folder), Decision.of(spec, manifest)))
    settings = LoopSettings(
        group=f"{spec.stream}.consumers",
        topics=[spec.topics.features],
        batch_size=spec.serving.batch_size,
        max_wait=spec.serving.max_wait_ms / 1000,
        transactional_id=f"{spec.stream}.0" if mode == "exactly-once" else None,
    )
    driven: Any = Uncommitted(client) if mode == "none" else client
    loop = ServiceLoop(
        core,
        driven,
        settings,
        SystemClock(),
        LoopMetrics(CollectorRegistry()),
    )
    loop.run(lambda: core.counts.predictions.total() >= records)


if __name__ == "__main__":
    main()
