"""Asking for a retraining by hand or by an alert: a job over the newest records, whoever asks."""

from collections.abc import Mapping
from typing import Literal

from driftline.errors import UsageError
from driftline.kafka.interface import Client, Outgoing, TopicPartition
from driftline.kafka.sending import send_now
from driftline.records.loop import DriftEvent, Position, RetrainingJob, Span, Window
from driftline.spec.stream import StreamSpec

NEWEST = 2_000
"""Labelled records of a job that nobody has said more of."""
# How much further back the features of a window reach than its labels may ask for: labels that lag so far behind are
# not late but missing, and a window must stay bounded.
_REACH = 10


def newest_window(
    spec: StreamSpec, ends: Mapping[TopicPartition, int], labels: int, since: Position | None = None
) -> Window:
    """The newest `labels` labels, and as many features, further back by as much as labels lag behind features.

    Parameters
    ----------
    ends : next offset of each partition of the features and labels topics.
    labels : at least 1; shared out over the partitions as evenly as what they hold allows.
    since : a moment that the window begins at the earliest; it then may hold fewer labels.

    Notes
    -----
    Offsets count a little more than records (transaction markers take some), so a window holds a little less.

    >>> from driftline.spec.stream import StreamSpec
    >>> x = {"name": "x", "type": "numeric"}
    >>> spec = StreamSpec.model_validate({"stream": "s", "classes": ["a", "b"], "features": [x]})
    >>> window = newest_window(spec, {("s.features", 0): 900, ("s.labels", 0): 800}, 200)
    >>> window.features, window.labels
    ({0: (600, 900)}, {0: (600, 800)})
    """
    topics = spec.topics
    wanted: dict[int, Span] = {}
    asked: dict[int, Span] = {}
    left = labels
    truths = sorted((end, partition) for (topic, partition), end in ends.items() if topic == topics.labels)
    for done, (truth, partition) in enumerate(truths):
        # What a small partition cannot give is asked of the larger ones, which come after it.
        each = min(-(-left // (len(truths) - done)), truth)
        left -= each
        end = ends.get((topics.features, partition), 0)
        reach = min(each + max(end - truth, 0), _REACH * each)
        first, early = (since.features.get(partition, 0), since.labels.get(partition, 0)) if since else (0, 0)
        wanted[partition] = (min(max(end - reach, first, 0), end), end)
        asked[partition] = (min(max(truth - each, early, 0), truth), truth)
    return Window(features=wanted, labels=asked)


def ask_for_retraining(
    spec: StreamSpec,
    client: Client,
    *,
    job_id: str,
    by: Literal["operator", "alert"],
    reason: str,
    champion_version: int,
    labels: int,
    now_ms: int,
    of: DriftEvent | None = None,
) -> RetrainingJob:
    """Put a job on the topic that the trainer reads; a job of an id that it has answered is not done again.

    Parameters
    ----------
    labels : the most labelled records to learn from; the newest.
    of : a drift event, at whose onset the window then begins at the earliest, if there has been a label since.

    Raises
    ------
    UsageError : the stream has no labels yet.
    KafkaFault : the job could not be written.
    """
    tail = client.tail([spec.topics.features, spec.topics.labels], from_end=True)
    try:
        ends = tail.ends()
    finally:
        tail.close()
    window = newest_window(spec, ends, labels, of.onset if of else None)
    if of is not None and not _labelled(window):
        of, window = None, newest_window(spec, ends, labels)
    if not (known := _labelled(window)):
        raise UsageError(f"{spec.topics.labels} holds no label yet: there is nothing to learn from")
    job = RetrainingJob(
        job_id=job_id,
        stream=spec.stream,
        requested_by=by,
        reason=reason,
        requested_at=now_ms,
        drift_event_id=of.event_id if of else None,
        champion_version=champion_version,
        window=window,
        labelled_records=known,
    )
    send_now(client, [Outgoing(spec.topics.retraining_jobs, [job.to_json()], [job.job_id.encode()])])
    return job


def _labelled(window: Window) -> int:
    return sum(end - start for start, end in window.labels.values())
