"""A recording of what a stream's own topics hold."""

from collections.abc import Callable, Sequence

import numpy as np

from driftline.backtest.recording import Recording
from driftline.errors import UsageError
from driftline.kafka.interface import Batch, Client
from driftline.model.answers import Answer
from driftline.spec.stream import StreamSpec
from driftline.wire.features import FeatureDecoder
from driftline.wire.labels import decode_labels

# Seconds without a record after which the end has been read. The ends that a cluster tells are no proof of it: the
# embedded broker's may be low.
SILENCE = 3.0


def read_topics(
    spec: StreamSpec, client: Client, monotonic: Callable[[], float], silence: float = SILENCE
) -> tuple[list[Batch], list[Batch]]:
    """Batches of NAME.features and of NAME.labels, from the oldest record kept to the newest.

    Raises
    ------
    KafkaFault : a topic does not exist, or cannot be read.
    """
    topics = spec.topics
    found: dict[str, list[Batch]] = {topics.features: [], topics.labels: []}
    tail = client.tail([topics.features, topics.labels])
    try:
        heard = monotonic()
        while monotonic() - heard < silence:
            for batch in tail.poll(0.2):
                found[batch.topic].append(batch)
                heard = monotonic()
    finally:
        tail.close()
    return found[topics.features], found[topics.labels]


def recorded_batches(spec: StreamSpec, features: Sequence[Batch], labels: Sequence[Batch]) -> Recording:
    """The recording of batches of the two topics, in the order of event times; the partitions become one.

    A record that serving would refuse is left out, and of one that came twice the first copy counts, as does the first
    label of a record.

    Raises
    ------
    UsageError : no record has a label.
    """
    latest = max((max(batch.timestamps) for batch in features if len(batch)), default=0)
    decoded = FeatureDecoder(spec).decode(features, latest)
    values = {(b.partition, o): v for b in features for o, v in zip(b.offsets, b.values, strict=True)}
    known = decode_labels(labels, spec.classes)
    truths: dict[str, Answer] = {}
    for record_id, label in zip(known.record_ids, known.labels, strict=True):
        truths.setdefault(record_id, label)
    order = np.lexsort((decoded.offsets, decoded.partitions, decoded.event_times))
    seen: set[str] = set()
    chosen = []
    for row in order.tolist():
        if decoded.record_ids[row] not in seen:
            seen.add(decoded.record_ids[row])
            chosen.append(row)
    ids = [decoded.record_ids[row] for row in chosen]
    answers = [truths.get(record_id) for record_id in ids]
    if all(answer is None for answer in answers):
        raise UsageError(
            f"{spec.topics.features} holds {len(ids):,} records, and none of them has a label on {spec.topics.labels}"
        )
    places = zip(decoded.partitions[chosen].tolist(), decoded.offsets[chosen].tolist(), strict=True)
    return Recording(
        record_ids=ids,
        device_ids=[decoded.device_ids[row] for row in chosen],
        event_times=decoded.event_times[chosen],
        features=[values[place] or b"" for place in places],
        answers=answers,
        columns=decoded.columns.take(np.array(chosen, dtype=np.intp)),
        judged=np.array([answer is not None for answer in answers], dtype=bool),
    )
