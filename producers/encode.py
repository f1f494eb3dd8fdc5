"""Feature records and labels as they stand on the wire; `driftline.wire` is what reads them."""

from collections.abc import Sequence

import msgspec

from driftline.records.data import Value

Answer = str | list[str]


class _FeatureRecord(msgspec.Struct, gc=False):
    """Field for field `driftline.records.FeatureRecord`, which the tests hold it to."""

    schema_version: int
    record_id: str
    device_id: str
    event_time: int
    features: Sequence[Value]


class _Label(msgspec.Struct, gc=False):
    """Field for field `driftline.records.Label`."""

    schema_version: int
    record_id: str
    device_id: str
    label: Answer
    labelled_at: int


_encode = msgspec.json.Encoder().encode


def encode_features(
    record_ids: Sequence[str], device_ids: Sequence[str], event_time: int, values: Sequence[Sequence[Value]]
) -> list[bytes]:
    """Wire bytes of n feature records measured at `event_time` (epoch ms); numbers by their shortest exact text."""
    return [
        _encode(_FeatureRecord(1, record_id, device_id, event_time, row))
        for record_id, device_id, row in zip(record_ids, device_ids, values, strict=True)
    ]


def encode_labels(
    record_ids: Sequence[str], device_ids: Sequence[str], labels: Sequence[Answer], labelled_at: int
) -> list[bytes]:
    """Wire bytes of n labels known at `labelled_at` (epoch ms)."""
    return [
        _encode(_Label(1, record_id, device_id, label, labelled_at))
        for record_id, device_id, label in zip(record_ids, device_ids, labels, strict=True)
    ]
