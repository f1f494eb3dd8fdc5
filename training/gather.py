"""The window of a retraining job, read from Kafka by offsets."""

from collections.abc import Callable
from dataclasses import dataclass

from driftline.kafka.interface import Batch, Client, TopicPartition
from driftline.records.loop import Window
from driftline.spec.stream import StreamSpec

# Offsets may have holes (transaction markers, compaction), so the last one of a window may never come. A cluster that
# holds the records sends them within milliseconds; after this long without any, what is there is what there is.
SILENCE = 5.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """Batches of the window, each cut to it."""

    features: list[Batch]
    labels: list[Batch]


def gather(
    client: Client, spec: StreamSpec, window: Window, monotonic: Callable[[], float], stop: Callable[[], bool]
) -> Gathered:
    """Read the window's features and labels; returns what is still there (retention may have taken the oldest).

    Parameters
    ----------
    monotonic : seconds, to notice silence by.
    stop : asked between polls; when true, what was read so far is returned.
    """
    topics = spec.topics
    left: dict[TopicPartition, int] = {
        (topic, partition): end
        for topic, spans in ((topics.features, window.features), (topics.labels, window.labels))
        for partition, (start, end) in spans.items()
        if end > start
    }
    starts = {
        (topic, partition): span[0]
        for topic, spans in ((topics.features, window.features), (topics.labels, window.labels))
        for partition, span in spans.items()
        if (topic, partition) in left
    }
    found: dict[str, list[Batch]] = {topics.features: [], topics.labels: []}
    if not left:
        return Gathered([], [])
    ends = dict(left)
    tail = client.tail([topics.features, topics.labels], start=starts)
    try:
        heard = monotonic()
        while left and not stop() and monotonic() - heard < SILENCE:
            for batch in tail.poll(0.2):
                place = (batch.topic, batch.partition)
                heard = monotonic()
                if batch.next_offset >= ends[place]:
                    left.pop(place, None)
                if (cut := _before(batch, ends[place])) is not None:
                    found[batch.topic].append(cut)
    finally:
        tail.close()
    return Gathered(found[topics.features], found[topics.labels])


def _before(batch: Batch, end: int) -> Batch | None:
    count = sum(offset < end for offset in batch.offsets)
    if count == len(batch):
        return batch
    if count == 0:
        return None
    return Batch(
        batch.topic,
        batch.partition,
        batch.offsets[:count],
        batch.timestamps[:count],
        batch.keys[:count],
        batch.values[:count],
    )
