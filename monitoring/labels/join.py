"""Joining late, out-of-order labels to the predictions they judge."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.model.answers import Decision
from driftline.spec.stream import StreamSpec
from driftline.wire.labels import Labels
from driftline.wire.predictions import Predictions
from monitoring.labels.outcomes import JoinCounts, Outcomes
from monitoring.labels.recent import RecentIds, RecentState
from monitoring.labels.waiting import Waiting, WaitingState
from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import Ledger, part_of

LAG_BUCKETS_MS = (100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000)
"""Upper bounds of the label-lag histogram: labels come after anything from a sensor's next tick to a lab's week."""

# A label's own clock may say anything; beyond 35 years the sum of lags would leave 64 bits.
_LONGEST_LAG_MS = 2**40
# Percentiles come from the newest lags: 4,096 put the 99th on 41 values; half of that makes it jump about.
_LAGS = 4_096
_BUCKETS = (*LAG_BUCKETS_MS, None)


class JoinState(msgspec.Struct):
    """The small things of a join; its records and lags are in parts of their own."""

    predictions: WaitingState
    labels: WaitingState
    joined: RecentState
    counts: JoinCounts
    lag_histogram: list[int]
    lag_sum_ms: int
    lag_count: int


class LabelJoin:
    """Joins labels to predictions by record id, whichever comes first.

    Both sides wait in bounded memory: at most `max_pending` each, the oldest giving way, and each at most
    `label_timeout_seconds` from its arrival here. Arrival, and not the time written in the record, so that a
    monitor that catches up on yesterday's topics gives yesterday's labels the same chance.

    Parameters
    ----------
    spec : the stream; its classes and its monitoring section.
    """

    def __init__(self, spec: StreamSpec) -> None:
        settings = spec.monitoring
        self._decision = Decision(spec)
        shape: tuple[int, ...] = (len(spec.classes),) if spec.task == "multilabel" else ()
        code: tuple[Any, tuple[int, ...]] = (np.bool_, shape) if shape else (np.int64, ())
        whole: tuple[Any, tuple[int, ...]] = (np.int64, ())
        self._predictions = Waiting(
            settings.max_pending,
            settings.label_timeout_seconds * 1_000,
            {
                "answers": code,
                "confidence": (np.float32, ()),
                "device": (np.object_, ()),
                "model_version": whole,
                "event_time": whole,
                "partition": whole,
                "offset": whole,
                "at": whole,
            },
        )
        self._labels = Waiting(
            settings.max_pending,
            settings.label_timeout_seconds * 1_000,
            {"labels": code, "partition": whole, "offset": whole, "at": whole},
        )
        self._joined = RecentIds(settings.max_pending)
        self._lags = np.zeros(_LAGS, dtype=np.int64)
        self._lag_count = 0
        self.lag_histogram: NDArray[np.int64] = np.zeros(len(_BUCKETS), dtype=np.int64)
        """Labels by their lag: counts up to each of LAG_BUCKETS_MS, and beyond."""
        self.lag_sum_ms = 0
        self.counts = JoinCounts()

    @property
    def waiting_predictions(self) -> int:
        return len(self._predictions)

    @property
    def waiting_labels(self) -> int:
        return len(self._labels)

    def add_predictions(self, predictions: Predictions, now_ms: int) -> Outcomes:
        """Take predictions; gives the outcomes of those whose labels were already waiting."""
        ids = predictions.record_ids
        self.counts.predictions += len(ids)
        columns: dict[str, NDArray[Any]] = {
            "answers": self._decision.encode(predictions.answers),
            "confidence": predictions.confidences,
            "device": np.array(predictions.device_ids, dtype=np.object_),
            "model_version": predictions.model_versions,
            "event_time": predictions.event_times,
            "partition": predictions.source_partitions,
            "offset": predictions.source_offsets,
            "at": predictions.scored_at,
        }
        fresh = self._first_of(ids, self._predictions, predictions=True)
        met = [] if self._labels.knows_none_of(ids) else [row for row in fresh if ids[row] in self._labels]
        if met:
            taken = self._labels.take([ids[row] for row in met])
            chosen = {name: column[met] for name, column in columns.items()}
            outcomes = self._outcomes([ids[row] for row in met], chosen, taken)
            gone = set(met)
            fresh = [row for row in fresh if row not in gone]
        else:
            outcomes = self._outcomes([], {n: c[:0] for n, c in columns.items()}, self._labels.take([]))
        self.counts.evicted += self._predictions.put(
            [ids[row] for row in fresh], {name: column[fresh] for name, column in columns.items()}, now_ms
        )
        return outcomes

    def add_labels(self, labels: Labels, now_ms: int) -> Outcomes:
        """Take labels; gives the outcomes of those whose predictions were waiting, in the labels' order."""
        ids = labels.record_ids
        self.counts.labels += len(ids)
        columns: dict[str, NDArray[Any]] = {
            "labels": self._decision.encode(labels.labels),
            # A column of its own would make older states unreadable; partitions are never negative.
            "partition": labels.partitions if labels.biased is None else _marked(labels.partitions, labels.biased),
            "offset": labels.offsets,
            "at": labels.labelled_at,
        }
        fresh = self._first_of(ids, self._labels, predictions=False)
        if columns["labels"].ndim == 1 and (columns["labels"] < 0).any():
            fitting = [row for row in fresh if columns["labels"][row] >= 0]
            self.counts.malformed += len(fresh) - len(fitting)
            self.counts.labels -= len(fresh) - len(fitting)
            fresh = fitting
        met = [row for row in fresh if ids[row] in self._predictions]
        taken = self._predictions.take([ids[row] for row in met])
        outcomes = self._outcomes([ids[row] for row in met], taken, {n: c[met] for n, c in columns.items()})
        if len(met) < len(fresh):
            gone = set(met)
            early = [row for row in fresh if row not in gone]
            self.counts.orphans += self._labels.put(
                [ids[row] for row in early], {name: column[early] for name, column in columns.items()}, now_ms
            )
        return outcomes

    def labelled(self, record_ids: Sequence[str]) -> set[str]:
        """Those of these records whose label has come, as far back as ids are remembered."""
        return {one for one in record_ids if one in self._joined or one in self._labels}

    def expire(self, now_ms: int) -> None:
        """Give up what has waited too long. Exact to 1/256 of the time-out: the search costs O(max_pending)."""
        self.counts.expired += self._predictions.expire(now_ms)
        self.counts.orphans += self._labels.expire(now_ms)

    def lag_percentiles(self, *percentiles: float) -> list[float]:
        """Milliseconds from prediction to label, over the newest 4,096 labels joined; nan before the first."""
        kept = self._lags[: min(self._lag_count, _LAGS)]
        return [float(np.percentile(kept, q)) if len(kept) else float("nan") for q in percentiles]

    def snapshot(self, ledger: Ledger) -> JoinState:
        """Put the parts predictions, labels, joined and lags into the ledger, as far as they changed."""
        ledger.put("lags", pack(None, {"lags": self._lags[: min(self._lag_count, _LAGS)]}))
        return JoinState(
            predictions=self._predictions.snapshot(ledger, "predictions"),
            labels=self._labels.snapshot(ledger, "labels"),
            joined=self._joined.snapshot(ledger, "joined"),
            counts=self.counts,
            lag_histogram=self.lag_histogram.tolist(),
            lag_sum_ms=self.lag_sum_ms,
            lag_count=self._lag_count,
        )

    def restore(self, state: JoinState, parts: Mapping[str, bytes], *, same_classes: bool = True) -> None:
        """Become what a snapshot said; this join must be new.

        What finds no room, because `max_pending` is smaller now, is counted as evicted or orphaned.

        Parameters
        ----------
        same_classes : false if the classes are others now. Then what waits means nothing any more, and is given up.

        Raises
        ------
        DamagedState : a part is missing or does not fit.
        """
        self.counts = state.counts
        if same_classes:
            self.counts.evicted += self._predictions.restore(state.predictions, parts, "predictions")
            self.counts.orphans += self._labels.restore(state.labels, parts, "labels")
        else:
            counts = state.counts
            self.counts.evicted = counts.predictions - counts.joined - counts.expired - counts.repeated
            self.counts.orphans = counts.labels - counts.joined - counts.duplicates
        self._joined.restore(state.joined, parts, "joined")
        _, columns = unpack("lags", part_of(parts, "lags"), type(None))
        lags = columns.get("lags")
        if lags is None or len(lags) != min(state.lag_count, _LAGS) or len(state.lag_histogram) != len(_BUCKETS):
            raise DamagedState("monitor state, part lags: not the lags of this join")
        self._lags[: len(lags)] = lags
        self._lag_count, self.lag_sum_ms = state.lag_count, state.lag_sum_ms
        self.lag_histogram = np.array(state.lag_histogram, dtype=np.int64)

    def _first_of(self, ids: Sequence[str], own: Waiting, *, predictions: bool) -> list[int]:
        """Rows whose id is new to this side; the others are counted."""
        joined = self._joined
        if len(set(ids)) == len(ids) and own.knows_none_of(ids) and joined.knows_none_of(ids):
            return list(range(len(ids)))
        rows: list[int] = []
        seen: set[str] = set()
        for row, record_id in enumerate(ids):
            if record_id in own or record_id in joined or record_id in seen:
                continue
            seen.add(record_id)
            rows.append(row)
        again = len(ids) - len(rows)
        if predictions:
            self.counts.repeated += again
        else:
            self.counts.duplicates += again
        return rows

    def _outcomes(
        self, ids: list[str], predictions: dict[str, NDArray[Any]], labels: dict[str, NDArray[Any]]
    ) -> Outcomes:
        answers, truth = predictions["answers"], labels["labels"]
        same, biased = answers == truth, labels["partition"] < 0
        if ids:
            self._joined.add(ids)
            self.counts.joined += len(ids)
            self._measure(np.clip(labels["at"] - predictions["at"], 0, _LONGEST_LAG_MS))
        return Outcomes(
            record_ids=ids,
            device_ids=predictions["device"].tolist(),
            correct=same.all(axis=1) if same.ndim == 2 else same,
            answers=answers,
            labels=truth,
            confidence=predictions["confidence"],
            model_version=predictions["model_version"],
            event_time=predictions["event_time"],
            source_partition=predictions["partition"],
            source_offset=predictions["offset"],
            label_partition=np.where(biased, ~labels["partition"], labels["partition"]),
            label_offset=labels["offset"],
            biased=biased,
        )

    def _measure(self, lags: NDArray[np.int64]) -> None:
        newest = lags[-_LAGS:]
        self._lags[(self._lag_count + np.arange(len(newest))) % _LAGS] = newest
        self._lag_count += len(newest)
        self.lag_histogram += np.bincount(np.searchsorted(LAG_BUCKETS_MS, lags, side="left"), minlength=len(_BUCKETS))
        self.lag_sum_ms += int(lags.sum())


def _marked(partitions: NDArray[np.int64], biased: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(biased, ~partitions, partitions)
