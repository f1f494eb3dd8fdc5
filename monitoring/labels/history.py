"""The newest outcomes and where they stand on the topics: how an onset becomes offsets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.labels.outcomes import Outcomes
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the stream: an event time, and among equal times the number of an outcome."""

    event_time: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything from a moment on begins.

    Attributes
    ----------
    labelled : outcomes from there on.
    features, labels : partition → offset.
    """

    record_id: str | None
    event_time: int | None
    labelled: int
    features: dict[int, int]
    labels: dict[int, int]


class History:
    """The newest `capacity` outcomes of all versions.

    Outcomes are numbered in the order they came. A moment, however, cuts them by event time: a label that comes late
    belongs to the world as it was when its record was measured.
    """

    def __init__(self, capacity: int) -> None:
        self._rows = Rolling(
            capacity,
            record_id=np.object_,
            wrong=np.bool_,
            version=np.int64,
            event_time=np.int64,
            source_partition=np.int64,
            source_offset=np.int64,
            label_partition=np.int64,
            label_offset=np.int64,
        )

    @property
    def total(self) -> int:
        """Outcomes ever seen: the number of the next."""
        return self._rows.total

    def append(self, outcomes: Outcomes) -> NDArray[np.int64]:
        """Add outcomes; returns their numbers, int64 [n]."""
        first = self._rows.total
        self._rows.append(
            record_id=np.array(outcomes.record_ids, dtype=np.object_),
            wrong=~outcomes.correct,
            # Negative where the record was picked: it trains models, and says nothing of how often answers are right.
            version=np.where(outcomes.biased, -outcomes.model_version, outcomes.model_version),
            event_time=outcomes.event_time,
            source_partition=outcomes.source_partition,
            source_offset=outcomes.source_offset,
            label_partition=outcomes.label_partition,
            label_offset=outcomes.label_offset,
        )
        return np.arange(first, self._rows.total)

    def snapshot(self, ledger: Ledger) -> RollingState:
        """Put the parts history/0, history/1 … into the ledger, as far as they changed."""
        return self._rows.snapshot(ledger, "history")

    def restore(self, state: RollingState, parts: Mapping[str, bytes]) -> None:
        """Take over the newest outcomes of a snapshot; this history must be new. Raises DamagedState."""
        self._rows.restore(state, parts, "history")

    def error_rate(self, newest: int) -> float:
        """Error rate of the newest outcomes that were not picked, of whichever version; nan without any."""
        wrong, version = self._rows["wrong"], self._rows["version"]
        if (picked := version < 0).any():
            wrong = wrong[~picked]
        wrong = wrong[-newest:]
        return float(wrong.mean()) if len(wrong) else float("nan")

    def of_version(self, version: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
        """Wrong, event time and number of the kept outcomes of one version, in order of arrival; none was picked."""
        chosen = np.flatnonzero(self._rows["version"] == version)
        return self._rows["wrong"][chosen], self._rows["event_time"][chosen], self._rows.first + chosen

    def newest(self, count: int) -> Moment:
        """The moment from which on there are `count` outcomes, at least one, or all that are kept if they are fewer."""
        times = self._rows["event_time"]
        if not len(times):
            return Moment(0)
        # Stable, so that of equal times the lower number comes first, as a moment cuts them.
        first = int(np.argsort(times, kind="stable")[-min(max(count, 1), len(times))])
        return Moment(int(times[first]), self._rows.first + first)

    def count_since(self, moment: Moment) -> int:
        """Outcomes kept from `moment` on."""
        return int(self._since(moment).sum())

    def place(self, moment: Moment, feature_ends: Mapping[int, int], label_ends: Mapping[int, int]) -> Place:
        """Where everything from `moment` on begins.

        Parameters
        ----------
        feature_ends, label_ends : next offset of each partition of the two topics, as far as they were read. They
            stand for the partitions in which nothing was judged since the moment.
        """
        since = self._since(moment)
        rows, before = np.flatnonzero(since), ~since
        # Unjudged records behind a partition's last judged one may belong to either side; taking them harms nothing.
        features = {
            p: int(self._rows["source_offset"][chosen].max()) + 1 if (chosen := before & self._of(p)).any() else end
            for p, end in feature_ends.items()
        }
        labels = dict(label_ends)
        features.update(_lowest(self._rows["source_partition"][rows], self._rows["source_offset"][rows]))
        labels.update(_lowest(self._rows["label_partition"][rows], self._rows["label_offset"][rows]))
        if not len(rows):
            return Place(None, None, 0, features, labels)
        times = self._rows["event_time"][rows]
        head = rows[int(np.argmin(times))]
        return Place(self._rows["record_id"][head], int(times.min()), len(rows), features, labels)

    def labelled_within(self, features: Mapping[int, tuple[int, int]], labels: Mapping[int, tuple[int, int]]) -> int:
        """Kept outcomes whose record and label both lie in these spans."""
        return int(
            (
                _inside(self._rows["source_partition"], self._rows["source_offset"], features)
                & _inside(self._rows["label_partition"], self._rows["label_offset"], labels)
            ).sum()
        )

    def _since(self, moment: Moment) -> NDArray[np.bool_]:
        times = self._rows["event_time"]
        numbers = np.arange(self._rows.first, self._rows.total)
        since: NDArray[np.bool_] = (times > moment.event_time) | (
            (times == moment.event_time) & (numbers >= moment.number)
        )
        return since

    def _of(self, partition: int) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self._rows["source_partition"] == partition
        return mask


def _lowest(partitions: NDArray[np.int64], offsets: NDArray[np.int64]) -> dict[int, int]:
    return {int(p): int(offsets[partitions == p].min()) for p in np.unique(partitions)}


def _inside(
    partitions: NDArray[np.int64], offsets: NDArray[np.int64], spans: Mapping[int, tuple[int, int]]
) -> NDArray[np.bool_]:
    mask = np.zeros(len(partitions), dtype=bool)
    for partition, (start, end) in spans.items():
        mask |= (partitions == partition) & (offsets >= start) & (offsets < end)
    return mask
