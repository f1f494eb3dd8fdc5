"""How fast the consumer answers, beside a bare consume-and-produce by the same client on the same broker.

    python -m benchmarks.serving                         # Apache Kafka from its own jars (Java, Maven)
    python -m benchmarks.serving --bootstrap HOST:PORT   # a broker of yours
    python -m benchmarks.serving --client confluent-kafka

Both sides read the same 200,000 records of 33 numbers from four partitions, write one record for each, and commit in
transactions of up to 512 records. The bare side reads nothing out of a record and writes a constant of a prediction's
length: the floor that this Kafka client sets. Rates come from the broker's timestamps of the first and the last record
written. Rounds alternate, so that a machine whose speed drifts treats both alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from driftline.broker.guard import guarded
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Client, Outgoing, TopicRequest
from driftline.spec import StreamSpec, dump_spec, parse_spec
from driftline.workspace import Workspace
from producers.encode import encode_features

FEATURES, PARTITIONS, DEVICES = 33, 4, 64
# What one prediction of six classes takes on the wire.
PREDICTION_BYTES = 290


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bootstrap", help="a running broker; by default Apache Kafka is started from its jars")
    parser.add_argument("--client", choices=["kafka-python", "confluent-kafka"], default="kafka-python")
    parser.add_argument("--report", type=Path, help="write the figures to this file, as JSON")
    parser.add_argument("--bare", nargs=4, metavar=("BOOTSTRAP", "IN", "OUT", "RECORDS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        floor = bare_librdkafka if arguments.client == "confluent-kafka" else bare
        floor(*arguments.bare[:3], int(arguments.bare[3]))
        return
    with tempfile.TemporaryDirectory() as folder, broker(arguments.bootstrap, Path(folder)) as bootstrap:
        figures = measure(Path(folder), bootstrap, arguments.records, arguments.rounds, arguments.client)
    print(json.dumps(figures, indent=2))
    if arguments.report:
        arguments.report.write_text(json.dumps(figures, indent=2) + "\n")


@contextmanager
def broker(bootstrap: str | None, folder: Path) -> Iterator[str]:
    if bootstrap:
        yield bootstrap
        return
    from tests.kafka.apache import ApacheKafka

    cluster = ApacheKafka(folder / "kafka", jvm=("-Xmx1g", "-XX:+UseG1GC"))
    cluster.start()
    try:
        yield cluster.bootstrap
    finally:
        cluster.stop()


def measure(folder: Path, bootstrap: str, records: int, rounds: int, library: str) -> dict[str, Any]:
    model = folder / "models"
    bare_rates, rates, starts, memories = [], [], [], []
    for number in range(rounds):
        spec = stream(f"bench-{number}", library)
        client = connect(Endpoint(bootstrap, spec.kafka, "bench"))
        client.ensure_topics([*topic_requests(spec), TopicRequest(f"{spec.stream}.bare", PARTITIONS, 1, {})])
        say(f"round {number + 1}: producing {records:,} records")
        fill(client, spec, records)
        say("bare consume-and-produce")
        command = [sys.executable, "-m", "benchmarks.serving", "--client", library, "--bare", bootstrap]
        subprocess.run([*command, spec.topics.features, f"{spec.stream}.bare", str(records)], check=True)
        bare_rates.append(rate(client, f"{spec.stream}.bare", records)[0])
        say(f"  {bare_rates[-1]:,.0f} records/s; now driftline's consumer")
        workspace = prepare(folder / spec.stream, spec, model)
        found, started, memory = consume(workspace, client, bootstrap, records)
        rates.append(found)
        starts.append(started)
        memories.append(memory)
        say(f"  {found:,.0f} records/s")
    return {
        "records": records,
        "features": FEATURES,
        "client": library,
        "bare_records_per_second": [round(r) for r in bare_rates],
        "consumer_records_per_second": [round(r) for r in rates],
        "ratio": round(statistics.median(a / b for a, b in zip(rates, bare_rates, strict=True)), 3),
        "start_to_first_prediction_seconds": [round(s, 2) for s in starts],
        "resident_memory_mib": [round(m, 1) for m in memories],
    }


def stream(name: str, library: str) -> StreamSpec:
    return parse_spec(
        {
            "stream": name,
            "classes": ["a", "b", "c", "d", "e", "f"],
            "features": [{"name": f"x{i:02}", "type": "numeric"} for i in range(FEATURES)],
            "kafka": {"partitions": PARTITIONS, "client": library},
        }
    )


def rows(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.round(np.random.default_rng(seed).normal(size=(count, FEATURES)), 6)


def fill(client: Client, spec: StreamSpec, records: int) -> None:
    writer, block = client.writer(), 5_000
    for start in range(0, records, block):
        n = min(block, records - start)
        values = rows(n, start).tolist()
        for partition in range(PARTITIONS):
            mine = range(partition, n, PARTITIONS)
            devices = [f"device-{(start + i) % DEVICES}" for i in mine]
            out = encode_features(
                [f"r{start + i:08}" for i in mine], devices, int(time.time() * 1000), [values[i] for i in mine]
            )
            writer.send(Outgoing(spec.topics.features, out, [d.encode() for d in devices], partition))
        writer.commit(None, {})
    writer.close()


def bare(bootstrap: str, source: str, target: str, records: int) -> None:
    """The floor: kafka-python alone, in transactions of what one poll brings."""
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.structs import OffsetAndMetadata

    consumer = KafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=f"bare-{target}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        metrics_enabled=False,
    )
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=f"bare-{target}",
        compression_type="lz4",
        linger_ms=5,
        batch_size=256 * 1024,
        metrics_enabled=False,
    )
    producer.init_transactions()
    value, done = b"x" * PREDICTION_BYTES, 0
    while done < records:
        polled = consumer.poll(timeout_ms=200, max_records=512)
        if not polled:
            continue
        producer.begin_transaction()
        offsets = {}
        for partition, found in polled.items():
            for record in found:
                producer.send(target, value, record.key, None, partition.partition)
            offsets[partition] = OffsetAndMetadata(found[-1].offset + 1, "", -1)
            done += len(found)
        producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        producer.commit_transaction()
    producer.close()
    consumer.close()


def bare_librdkafka(bootstrap: str, source: str, target: str, records: int) -> None:
    """The same floor on librdkafka."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"bare-{target}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([source])
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"bare-{target}",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 256 * 1024,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions(30)
    value, done = b"x" * PREDICTION_BYTES, 0
    while done < records:
        found = consumer.consume(1, 0.2)
        if not found:
            continue
        found += consumer.consume(511, 0.005)  # the company that the consumer waits for, too
        producer.begin_transaction()
        offsets: dict[int, int] = {}
        for message in found:
            partition = message.partition()
            producer.produce(target, value, message.key(), partition)
            offsets[partition] = message.offset() + 1
            done += 1
        ends = [TopicPartition(source, partition, offset) for partition, offset in offsets.items()]
        producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata())
        producer.commit_transaction(30)
    consumer.close()


def prepare(folder: Path, spec: StreamSpec, model: Path) -> Workspace:
    """A workspace with a model in service; the model is trained once and copied."""
    import shutil

    folder.mkdir()
    (folder / "stream.yaml").write_text(dump_spec(spec))
    if not model.exists():
        data = rows(2_000, 7)
        labels = np.array(list("abcdef"))[(data[:, :5] > 0).sum(axis=1)]
        lines = [",".join([*(f"{v}" for v in row), label]) for row, label in zip(data, labels, strict=True)]
        header = ",".join([*(f"x{i:02}" for i in range(FEATURES)), "label"])
        (folder / "data.csv").write_text("\n".join([header, *lines]) + "\n")
        command = [sys.executable, "-m", "driftline", "train", str(folder / "data.csv")]
        subprocess.run([*command, "--spec", str(folder / "stream.yaml")], check=True, stdout=subprocess.DEVNULL)
        shutil.copytree(folder / "models" / spec.stream, model)
    else:
        shutil.copytree(model, folder / "models" / spec.stream)
    return Workspace(folder / "stream.yaml")


def consume(workspace: Workspace, client: Client, bootstrap: str, records: int) -> tuple[float, float, float]:
    """Run the service as a user would; returns records/s, seconds from start to first prediction, peak MiB."""
    command = [sys.executable, "-m", "driftline", "run", "consumer", "--spec", str(workspace.path)]
    started = time.time()
    process = subprocess.Popen(
        guarded(command), env={**os.environ, "DRIFTLINE_KAFKA__BOOTSTRAP": bootstrap}, stderr=subprocess.DEVNULL
    )
    try:
        found, first = rate(client, workspace.spec.topics.predictions, records)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    finally:
        process.terminate()
        process.wait()
    return found, first / 1000 - started, peak / 1024


def rate(client: Client, topic: str, records: int) -> tuple[float, int]:
    """Records a second between the first and the last of `records` on `topic`, and when the first came, epoch ms.

    Looks only now and then: a reader that keeps up would take a core from what is measured.
    """
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        tail = client.tail([topic])
        # On Apache Kafka, transaction markers count as offsets: the ends lie a little above the records.
        reached = sum(tail.ends().values())
        if reached >= records:
            times, silent = [], 0
            while len(times) < records and silent < 10:
                batches = tail.poll(0.5)
                silent = 0 if batches else silent + 1
                times += [t for batch in batches for t in batch.timestamps]
            if len(times) >= records:
                tail.close()
                return (records - 1) / ((max(times) - min(times)) / 1000), min(times)
        tail.close()
        time.sleep(1.0)
    raise TimeoutError(f"{topic}: fewer than {records:,} records after ten minutes")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
