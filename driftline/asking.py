"""Asking for a retraining by hand or by an alert: a job over the newest records, whoever asks."""

from collections.abc import Mapping
from typing import Literal

from driftline.errors import UsageError
from driftline.kafka.interface import Client, Outgoing, TopicPartition
from driftline.kafka.sending import send_now
from driftline.records.loop import RetrainingJob, Span, Window
from driftline.spec.stream import StreamSpec

# How much further back the features of a window reach than its labels may ask for: labels that lag so far behind are
# not late but missing, and a window must stay bounded.
_REACH = 10


def newest_window(spec: StreamSpec, ends: Mapping[TopicPartition, int], labels: int) -> Window:
    """The newest `labels` labels, and as many features, further back by as much as labels lag behind features.

    Parameters
    ----------
    ends : next offset of each partition of the features and labels topics.
    labels : at least 1; shared out over the partitions as evenly as what they hold allows.

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
        wanted[partition] = (max(end - reach, 0), end)
        asked[partition] = (max(truth - each, 0), truth)
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
) -> RetrainingJob:
    """Put a job on the topic that the trainer reads; a job of an id that it has answered is not done again.

    Raises
    ------
    UsageError : the stream has no labels yet.
    KafkaFault : the job could not be written.
    """
    tail = client.tail([spec.topics.features, spec.topics.labels], from_end=True)
    try:
        window = newest_window(spec, tail.ends(), labels)
    finally:
        tail.close()
    known = sum(end - start for start, end in window.labels.values())
    if not known:
        raise UsageError(f"{spec.topics.labels} holds no label yet: there is nothing to learn from")
    job = RetrainingJob(
        job_id=job_id,
        stream=spec.stream,
        requested_by=by,
        reason=reason,
        requested_at=now_ms,
        champion_version=champion_version,
        window=window,
        labelled_records=known,
    )
    send_now(client, [Outgoing(spec.topics.retraining_jobs, [job.to_json()], [job.job_id.encode()])])
    return job
