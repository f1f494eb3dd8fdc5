"""Does memory stay flat? A stream at full speed for half an hour, every process watched.

    python -m benchmarks.soak                              # 30 minutes on Apache Kafka from its own jars
    python -m benchmarks.soak --minutes 5 --plot soak.png

A loader keeps the consumer saturated: it produces features as fast as they are answered, never more than 50,000 ahead,
and the labels 20,000 records later. Every 5 s the resident memory of each process and the counts on the topics are
written down. Flat means that the last third holds no more than the middle third did, plus 5 %.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.serving import prepare, rows, say, stream
from driftline.broker.guard import guarded
from driftline.kafka.connect import Endpoint, connect, topic_requests
from driftline.kafka.interface import Client, Outgoing
from driftline.spec import StreamSpec, parse_spec
from driftline.supervise import Supervisor
from producers.encode import encode_features, encode_labels

LEAD, LABEL_DELAY, BLOCK, DEVICES, EVERY = 50_000, 20_000, 4_000, 64, 5.0
# Disk: topics keep some minutes of the stream, which is many times what anybody here has yet to read.
RETENTION = {"log.retention.bytes": str(256 << 20), "log.segment.bytes": str(32 << 20)}
HEAP_MIB = 768


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--client", choices=("auto", "kafka-python", "confluent-kafka"), default="auto")
    parser.add_argument("--report", type=Path, help="write the figures to this file, as JSON")
    parser.add_argument("--plot", type=Path, help="write the plot to this file, as PNG")
    parser.add_argument("--load", nargs=2, metavar=("BOOTSTRAP", "SPEC"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        load(arguments.load[0], Path(arguments.load[1]))
        return
    from tests.kafka.apache import ApacheKafka

    with tempfile.TemporaryDirectory() as folder:
        cluster = ApacheKafka(
            Path(folder) / "kafka", settings=RETENTION, jvm=(f"-Xmx{HEAP_MIB}m", f"-Xms{HEAP_MIB}m", "-XX:+UseG1GC")
        )
        cluster.start()
        try:
            figures = soak(Path(folder), cluster.bootstrap, arguments.client, arguments.minutes)
        finally:
            cluster.stop()
    if arguments.report:
        arguments.report.write_text(json.dumps(figures, indent=1) + "\n")
    if arguments.plot:
        plot(figures, arguments.plot)
    print(json.dumps({key: value for key, value in figures.items() if key != "samples"}, indent=2))
    raise SystemExit(0 if all(service["flat"] for service in figures["services"].values()) else 1)


def soak(folder: Path, bootstrap: str, client_name: str, minutes: float) -> dict[str, Any]:
    document = stream("soak", client_name).model_dump(mode="json", exclude_none=True)
    # A quiet monitor: what is asked here is what it holds, not what it thinks of random labels.
    document["monitoring"]["policy"]["retrain_on"] = ["data"]
    spec = parse_spec(document)
    client = connect(Endpoint(bootstrap, spec.kafka, "soak"))
    client.ensure_topics(topic_requests(spec))
    workspace = prepare(folder / spec.stream, spec, folder / "models")
    supervisor = Supervisor(folder / "logs", {"DRIFTLINE_KAFKA__BOOTSTRAP": bootstrap})
    for service in ("consumer", "monitor"):
        supervisor.add(f"{service}-0", ["run", service, "--spec", str(workspace.path), "--instance", f"{service}-0"])
    loader = subprocess.Popen(
        guarded([sys.executable, "-m", "benchmarks.soak", "--load", bootstrap, str(workspace.path)])
    )
    samples: list[dict[str, float]] = []
    started = time.monotonic()
    try:
        while (now := time.monotonic() - started) < minutes * 60:
            if loader.poll() is not None or not all(child.running for child in supervisor.children.values()):
                raise RuntimeError("something died: " + "\n".join(map(supervisor.last_words, supervisor.children)))
            counted = ends(client, spec)
            memory = {
                name: resident_mib(child.process.pid) for name, child in supervisor.children.items() if child.process
            }
            samples.append({"seconds": round(now, 1), **counted, **memory})
            if len(samples) % 12 == 0:
                say("  ".join(f"{key} {value:,.0f}" for key, value in samples[-1].items()))
            time.sleep(EVERY)
    finally:
        loader.kill()
        supervisor.stop()
    return summary(client.name, samples, list(supervisor.children))


def summary(client: str, samples: list[dict[str, float]], services: list[str]) -> dict[str, Any]:
    third = len(samples) // 3
    found = {}
    for name in services:
        memory = [sample[name] for sample in samples]
        middle, last = statistics.median(memory[third : 2 * third]), statistics.median(memory[2 * third :])
        found[name] = {
            "middle_third_mib": round(middle, 1),
            "last_third_mib": round(last, 1),
            "peak_mib": round(max(memory), 1),
            "flat": last <= middle * 1.05,
        }
    seconds = samples[-1]["seconds"] - samples[0]["seconds"]
    answered = samples[-1]["predictions"] - samples[0]["predictions"]
    return {
        "client": client,
        "minutes": round(seconds / 60, 1),
        "predictions": int(samples[-1]["predictions"]),
        "predictions_per_second": round(answered / seconds),
        "services": found,
        "samples": samples,
    }


def ends(client: Client, spec: StreamSpec) -> dict[str, float]:
    """End offsets of the data topics, added up over partitions; on Apache Kafka they count transaction markers too."""
    counted = {}
    for name in ("features", "predictions", "labels"):
        tail = client.tail([getattr(spec.topics, name)], from_end=True)
        counted[name] = float(sum(tail.ends().values()))
        tail.close()
    return counted


def resident_mib(pid: int) -> float:
    """Resident memory of a process and its children, MiB (the guard is the parent of what it guards)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            total += int(resident_mib(int(child)) * 1024)
    status = Path(f"/proc/{pid}/status").read_text()
    total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total / 1024


def load(bootstrap: str, path: Path) -> None:
    """Produce for ever, as fast as the consumer answers."""
    from driftline.workspace import Workspace

    spec = Workspace(path).spec
    client = connect(Endpoint(bootstrap, spec.kafka, "soak-load"))
    writer, answers = client.writer(), client.tail([spec.topics.predictions])
    values = rows(BLOCK, 3).tolist()
    sent = labelled = answered = 0
    while True:
        while sent - answered > LEAD:
            answered += sum(len(batch) for batch in answers.poll(0.5, 20_000))
        now, ids = int(time.time() * 1000), [f"r{sent + i:010}" for i in range(BLOCK)]
        devices = [f"device-{i % DEVICES}" for i in range(BLOCK)]
        keys: list[bytes | None] = [device.encode() for device in devices]
        writer.send(Outgoing(spec.topics.features, encode_features(ids, devices, now, values), keys))
        sent += BLOCK
        if sent - labelled > LABEL_DELAY:
            ids = [f"r{labelled + i:010}" for i in range(BLOCK)]
            labels = ["abcdef"[(labelled + i) % 6] for i in range(BLOCK)]
            writer.send(Outgoing(spec.topics.labels, encode_labels(ids, devices, labels, now), keys))
            labelled += BLOCK
        writer.commit(None, {})


def plot(figures: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    samples = figures["samples"]
    minutes = [sample["seconds"] / 60 for sample in samples]
    figure, axis = plt.subplots(figsize=(9, 4))
    for name in figures["services"]:
        axis.plot(minutes, [sample[name] for sample in samples], label=name)
    axis.set(xlabel="minutes at full speed", ylabel="resident memory, MiB", ylim=(0, None))
    records = axis.twinx()
    records.plot(minutes, [sample["predictions"] / 1e6 for sample in samples], color="grey", linestyle=":")
    records.set(ylabel="predictions, millions (dotted)", ylim=(0, None))
    axis.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
