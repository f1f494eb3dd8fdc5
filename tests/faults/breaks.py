"""Services broken on purpose, each in one way, to show that the checker would notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from driftline.kafka.interface import Offsets, Reader, TopicPartition
from tests.faults.points import FaultyClient, FaultyReader, FaultyWriter, plain


class _OffsetsFirst(FaultyWriter):
    """Commits the input offsets, and the outputs after them."""

    def commit(self, reader: Reader | None, offsets: Offsets, remark: str = "") -> None:
        self.trigger("before-commit")
        self._reach_inside()
        if reader is not None and offsets:
            plain(reader).commit(offsets, remark)
        self.inner.commit(None, {})
        self.trigger("after-commit")


class _NoFence(FaultyReader):
    """Hears nothing of what earlier owners remarked."""

    def remarks(self) -> dict[TopicPartition, str]:
        return {}


def offsets_first() -> type[FaultyClient]:
    """The input offsets are committed before the outputs: what was in hand at a kill is lost."""

    class Client(FaultyClient):
        writer_kind = _OffsetsFirst

    return Client


def no_fence() -> type[FaultyClient]:
    """The remark of the last owner is ignored: a member that is behind answers with an older champion."""

    class Client(FaultyClient):
        reader_kind = _NoFence

    return Client


def label_twice() -> type[FaultyClient]:
    """Every tenth batch of labels is shown to the join a second time, and nothing there knows it again."""
    from monitoring.labels.join import LabelJoin

    add_labels, first_of, calls = LabelJoin.add_labels, LabelJoin._first_of, [0]

    def add(self: LabelJoin, labels: Any, now_ms: int) -> Any:
        calls[0] += 1
        if calls[0] % 10:
            return add_labels(self, labels, now_ms)
        waiting = self._predictions
        known = [record for record in dict.fromkeys(labels.record_ids) if record in waiting]
        columns = waiting.take(known)
        waiting.put(known, columns, now_ms)
        once = add_labels(self, labels, now_ms)
        waiting.put(known, columns, now_ms)
        LabelJoin._first_of = _unsuspecting  # type: ignore[method-assign]
        try:
            return _both(once, add_labels(self, labels, now_ms))
        finally:
            LabelJoin._first_of = first_of  # type: ignore[method-assign]

    LabelJoin.add_labels = add  # type: ignore[method-assign]
    return FaultyClient


def _unsuspecting(self: Any, ids: list[str], own: Any, *, predictions: bool) -> list[int]:
    return list({record: row for row, record in enumerate(ids)}.values())


def _both(once: Any, again: Any) -> Any:
    columns = {}
    for field in fields(once):
        left, right = getattr(once, field.name), getattr(again, field.name)
        columns[field.name] = left + right if isinstance(left, list) else np.concatenate([left, right])
    return type(once)(**columns)


def forget_checkpoint() -> type[FaultyClient]:
    """The monitor starts afresh after every restart, and reads on from the group's offsets."""
    from driftline.service.keeper import Keeper

    restore = Keeper.restore

    def forget(self: Keeper, committed: Mapping[TopicPartition, int], *arguments: Any) -> Mapping[TopicPartition, int]:
        restore(self, committed, *arguments)
        self._core.restore({})
        return dict(committed)

    Keeper.restore = forget  # type: ignore[assignment]
    return FaultyClient


BREAKS: dict[str, Callable[[], type[FaultyClient]]] = {
    "offsets-first": offsets_first,
    "no-fence": no_fence,
    "label-twice": label_twice,
    "forget-checkpoint": forget_checkpoint,
}
