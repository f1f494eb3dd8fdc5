"""Dead letters: from rejects to wire bytes, a batch at a time, so that a flood of bad records is no flood of work."""

import base64
from collections.abc import Sequence
from itertools import groupby

import msgspec

from driftline.kafka.interface import Outgoing
from driftline.wire.rejects import Reject

MOST_PAYLOAD_BYTES = 512 * 1024
"""Most bytes of a value in its dead letter. In base64 they are 683 KiB: what a broker takes by default is 1 MiB."""
MOST_KEY_BYTES = 256
MOST_DETAIL = 500
"""Characters."""


class _DeadLetter(msgspec.Struct, gc=False):
    """Field for field `driftline.records.DeadLetter`, which the tests hold it to."""

    schema_version: int
    source_topic: str
    source_partition: int
    source_offset: int
    reason: str
    detail: str
    payload_base64: str
    payload_bytes: int
    dead_at: int


_encode = msgspec.json.Encoder().encode


def encode_dead_letters(rejects: Sequence[Reject], payload_bytes: int, dead_at: int) -> list[bytes]:
    """Wire bytes of one dead letter for each reject, in their order.

    Parameters
    ----------
    payload_bytes : how much of each value is kept, at most `MOST_PAYLOAD_BYTES`.
    dead_at : the present, epoch ms.
    """
    kept = min(payload_bytes, MOST_PAYLOAD_BYTES)
    return [
        _encode(
            _DeadLetter(
                1,
                reject.topic,
                reject.partition,
                reject.offset,
                reject.reason,
                reject.detail[:MOST_DETAIL],
                base64.b64encode((reject.value or b"")[:kept]).decode("ascii"),
                len(reject.value or b""),
                dead_at,
            )
        )
        for reject in rejects
    ]


def bury(topic: str, rejects: Sequence[Reject], payload_bytes: int, dead_at: int) -> list[Outgoing]:
    """Dead letters as they go out: each to its record's partition under its record's key, cut to `MOST_KEY_BYTES`.

    Parameters
    ----------
    topic : the stream's dead letter topic.
    rejects : in the order in which each partition's letters are to stand.
    """
    outputs = []
    for partition, run in groupby(rejects, key=lambda reject: reject.partition):
        rejected = list(run)
        keys = [None if reject.key is None else reject.key[:MOST_KEY_BYTES] for reject in rejected]
        outputs.append(Outgoing(topic, encode_dead_letters(rejected, payload_bytes, dead_at), keys, partition))
    return outputs
