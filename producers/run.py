"""The shell around the producers: a clock, a Kafka writer and a schedule, until the source ends or someone stops it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from driftline.kafka.interface import Outgoing, Writer
from driftline.spec.stream import StreamSpec
from driftline.tables import iter_table
from driftline.tracing.context import Headers
from producers.clock import Clock
from producers.delay import PendingLabel
from producers.encode import encode_features, encode_labels
from producers.fleet.fleet import Fleet
from producers.fleet.plan import FleetPlan
from producers.keys import partition_for
from producers.replay import ReplayPlan, replay_rows
from producers.rows import Rows
from producers.schedule import Delivery, Schedule
from producers.tracing import SendTraces

# Rows of a file read at a time: some megabytes of cells; a larger block would delay the first record.
READ_ROWS = 4_096
# Sent records are confirmed by the broker at least this often, in seconds and in records. A lost broker is noticed
# after as much work; twice as often, and the wait for the confirmation shows in the rate.
CONFIRM_SECONDS = 0.25
CONFIRM_RECORDS = 5_000
# The longest sleep, so that a stop is obeyed promptly even between two rare records.
LONGEST_SLEEP = 0.1
NOBODY: Mapping[int, Headers] = {}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a producer is. `total` is None where the source does not end, or its end is not known."""

    records: int
    labels: int
    labels_withheld: int
    seconds: float
    total: int | None = None


Report = dict[str, int | float]


def run_replay(
    spec: StreamSpec,
    path: str | Path,
    plan: ReplayPlan,
    writer: Writer,
    clock: Clock,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    traces: SendTraces | None = None,
) -> Report:
    """Replay a data file onto the stream's topics; see `produce`.

    Raises
    ------
    UsageError : the file cannot be read, or lacks a feature's column.
    """
    total = None if plan.loop or plan.stop_row is None else plan.stop_row - plan.start_row
    source = replay_rows(spec, lambda: iter_table(path, READ_ROWS), plan)
    return produce(spec, source, plan, writer, clock, progress, stop, total, traces)


def run_fleet(
    spec: StreamSpec,
    fleet: FleetPlan,
    writer: Writer,
    clock: Clock,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    traces: SendTraces | None = None,
) -> Report:
    """Let a simulated fleet measure onto the stream's topics; see `produce`."""
    rows = Fleet(spec, fleet).rows()
    return produce(spec, rows, fleet.delivery(), writer, clock, progress, stop, fleet.records, traces)


def produce(
    spec: StreamSpec,
    source: Iterator[Rows],
    delivery: Delivery,
    writer: Writer,
    clock: Clock,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    total: int | None = None,
    traces: SendTraces | None = None,
) -> Report:
    """Send `source` as the delivery says, until it ends (its last labels included) or `stop()` is true.

    Everything counted in the report is confirmed by the broker. A record goes to the partition that its device's
    murmur2 hash names among `spec.kafka.partitions`.

    Returns
    -------
    records, labels : sent.
    labels_withheld : decided never to be sent (or unknown to the source).
    labels_unsent : still on their way when `stop` ended the run.
    seconds : from the first record to the last thing sent and confirmed.
    rate : records a second, over the time from the first record to the last.

    Raises
    ------
    KafkaFault : the broker did not take the records.
    """
    schedule = Schedule(source, delivery)
    shipper = _Shipper(spec, writer, traces)
    start = clock.now()
    last_record = confirmed = start
    records = labels = withheld = unconfirmed = 0
    while not stop():
        now = clock.now()
        step = schedule.advance(now)
        if len(step.features):
            shipper.features(step.features, int(now * 1000))
            last_record = now
        if step.labels:
            shipper.labels(step.labels, int(now * 1000))
        records += len(step.features)
        labels += len(step.labels)
        withheld += step.withheld
        unconfirmed += len(step.features) + len(step.labels)
        after = clock.now()
        if unconfirmed and (unconfirmed >= CONFIRM_RECORDS or after - confirmed >= CONFIRM_SECONDS):
            shipper.confirm()
            unconfirmed, confirmed = 0, clock.now()
            progress(Progress(records, labels, withheld, confirmed - start, total))
        if step.done:
            break
        if (wait := schedule.next_due(now) - clock.now()) > 0:
            clock.sleep(min(wait, LONGEST_SLEEP))
    shipper.confirm()
    seconds = clock.now() - start
    progress(Progress(records, labels, withheld, seconds, total))
    span = last_record - start
    return {
        "records": records,
        "labels": labels,
        "labels_withheld": withheld,
        "labels_unsent": schedule.pending_labels,
        "seconds": round(seconds, 3),
        "rate": round((records - 1) / span, 1) if span > 0 else float(records),
    }


class _Shipper:
    """Sends records grouped by partition, each device's in the order given."""

    def __init__(self, spec: StreamSpec, writer: Writer, traces: SendTraces | None) -> None:
        self._topics = spec.topics
        self._partitions = spec.kafka.partitions
        self._writer, self._traces = writer, traces

    def confirm(self) -> None:
        """Wait until everything sent is on its broker."""
        self._writer.commit(None, {})
        if self._traces is not None:
            self._traces.confirmed()

    def features(self, rows: Rows, now_ms: int) -> None:
        values = encode_features(rows.record_ids, rows.device_ids, now_ms, rows.values)
        followed = self._traces.sending(rows.record_ids, rows.device_ids) if self._traces is not None else {}
        self._send(self._topics.features, rows.device_ids, values, followed)

    def labels(self, labels: Sequence[PendingLabel], now_ms: int) -> None:
        devices = [label.device_id for label in labels]
        values = encode_labels(
            [label.record_id for label in labels], devices, [label.label for label in labels], now_ms
        )
        self._send(self._topics.labels, devices, values)

    def _send(
        self, topic: str, devices: Sequence[str], values: Sequence[bytes], followed: Mapping[int, Headers] = NOBODY
    ) -> None:
        groups: dict[int, tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
        each: dict[int, dict[int, Headers]] = defaultdict(dict)
        for row, (device, value) in enumerate(zip(devices, values, strict=True)):
            key = device.encode()
            partition = partition_for(key, self._partitions)
            keys, group = groups[partition]
            if row in followed:
                each[partition][len(group)] = followed[row]
            keys.append(key)
            group.append(value)
        for partition, (keys, group) in sorted(groups.items()):
            self._writer.send(Outgoing(topic, group, keys, partition, each=each[partition]))
