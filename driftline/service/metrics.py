"""The loop's own metrics, the same for every service."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from driftline.kafka.interface import Batch, Fenced, KafkaFault, Outgoing, TopicPartition

# From a lone record scored on an idle machine (0.1 ms) to a stuck broker (10 s).
SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class LoopMetrics:
    """Counts what the loop does. Labels are topics and stages: a handful, whatever the stream does.

    Parameters
    ----------
    stateful : whether the service has checkpoints; of one that has none, their metrics would say that they are old.
    """

    def __init__(self, registry: CollectorRegistry, stateful: bool = True) -> None:
        self._records = Counter("driftline_records_read", "Records read, by topic.", ["topic"], registry=registry)
        self._sent = Counter("driftline_records_written", "Records written, by topic.", ["topic"], registry=registry)
        self._sizes = Histogram("driftline_batch_records", "Records of a batch.", buckets=SIZES, registry=registry)
        self._stages = Histogram(
            "driftline_stage_seconds",
            "Time of one batch in each stage of the loop.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        # Looking a child up by its labels costs as much as counting with it.
        self._poll, self._process, self._commit = map(self._stages.labels, ("poll", "process", "commit"))
        self._read: dict[str, Counter] = {}
        self._written: dict[str, Counter] = {}
        self._lag = Gauge("driftline_lag_records", "Records not read yet, by topic.", ["topic"], registry=registry)
        self._lagging: set[str] = set()
        self._commits = Counter("driftline_commits", "Rounds committed.", registry=registry)
        self._aborts = Counter("driftline_aborts", "Rounds aborted, by cause.", ["cause"], registry=registry)
        self._skipped = Counter(
            "driftline_records_skipped",
            "Records that retention removed before they were read.",
            ["topic"],
            registry=registry,
        )
        registry = registry if stateful else CollectorRegistry()
        self._checkpoints = Histogram(
            "driftline_checkpoint_seconds",
            "Time to make and commit one checkpoint.",
            buckets=SECONDS,
            registry=registry,
        )
        self._checkpoint_bytes = Counter(
            "driftline_checkpoint_bytes", "Bytes written by checkpoints.", registry=registry
        )
        self._checkpointed = Gauge(
            "driftline_checkpoint_timestamp_seconds",
            "When the newest checkpoint was committed, or the service started.",
            registry=registry,
        )
        self._checkpointed.set_to_current_time()  # until there is one, its age is the service's own
        self._restores = Counter(
            "driftline_restores", "States read back, by result ('whole', 'damaged').", ["result"], registry=registry
        )
        self._restore_seconds = Gauge("driftline_restore_seconds", "Time the last restore took.", registry=registry)
        self._state_bytes = Gauge("driftline_state_bytes", "Size of the state last restored.", registry=registry)

    def batch(self, batches: Sequence[Batch], polled: float, processed: float) -> None:
        for batch in batches:
            if (read := self._read.get(batch.topic)) is None:
                read = self._read[batch.topic] = self._records.labels(batch.topic)
            read.inc(len(batch))
        self._sizes.observe(sum(map(len, batches)))
        self._poll.observe(polled)
        self._process.observe(processed)

    def committed(self, outputs: Sequence[Outgoing], seconds: float) -> None:
        for out in outputs:
            if (written := self._written.get(out.topic)) is None:
                written = self._written[out.topic] = self._sent.labels(out.topic)
            written.inc(len(out.values))
        self._commit.observe(seconds)
        self._commits.inc()

    def aborted(self, error: KafkaFault) -> None:
        self._aborts.labels("fenced" if isinstance(error, Fenced) else "fault").inc()

    def skipped(self, topic: str, records: int) -> None:
        self._skipped.labels(topic).inc(records)

    def checkpointed(self, size: int, seconds: float) -> None:
        self._checkpoints.observe(seconds)
        self._checkpoint_bytes.inc(size)
        self._checkpointed.set_to_current_time()

    def restored(self, size: int, seconds: float, whole: bool = True) -> None:
        self._restores.labels("whole" if whole else "damaged").inc()
        self._restore_seconds.set(seconds)
        self._state_bytes.set(size)

    def lag(self, lags: dict[TopicPartition, int]) -> None:
        by_topic: dict[str, int] = {}
        for (topic, _), records in lags.items():
            by_topic[topic] = by_topic.get(topic, 0) + records
        for topic in self._lagging - by_topic.keys():
            self._lag.remove(topic)  # another member's now: what it was here is no news
        for topic, records in by_topic.items():
            self._lag.labels(topic).set(records)
        self._lagging = set(by_topic)
