"""Which labels the monitor asks for: a few of every round of answers, most of them blindly."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from driftline.records.wanted import LabelWanted, Why
from driftline.spec.stream import StreamSpec
from driftline.wanted import in_turn, margins
from driftline.wire.predictions import Predictions
from monitoring.labels.unseen import FAR
from monitoring.store.encoding import DamagedState, pack, unpack
from monitoring.store.ledger import Ledger, part_of

_PART = "labels-wanted"
# Candidates kept of each kind, times what a round asks for: some have their label already, some are of one device.
_SPARE = 3
# Of what is not drawn blindly, at most this share for records outside of what was trained on: sensor faults lie there.
_UNSEEN = 1 / 3
_SEPARATOR = "\x1f"
_DTYPES: dict[str, Any] = {
    "record_id": np.object_,
    "device_id": np.object_,
    "answer": np.object_,
    "event_time": np.int64,
    "partition": np.int64,
    "offset": np.int64,
    "confidence": np.float64,
    "margin": np.float64,
    "distance": np.float64,
    "draw": np.float64,
    "drifting": np.bool_,
}


class WantedState(msgspec.Struct):
    """Answers taken so far, and those asked for; the round's candidates are a part of their own."""

    taken: int = 0
    asked: int = 0


class WantedPicks:
    """Chooses `count` records of every `every_records` answers of the version in service.

    `random_share` of them are drawn blindly. While a drift stands the rest is drawn blindly too ('drift'): what the
    world has become is learnt from records as they come. Else the rest are the most doubtful, spread over devices and
    answers in turn, and up to a third of it the farthest from the training rows.

    Only candidates are kept, at most three times `3 count` of them. Equal streams give equal lists, however they are
    cut into batches, because a record's draw is made of its number.

    Parameters
    ----------
    spec : the stream.

    Notes
    -----
    Margin sampling in rounds: Scheffer, Decomain, Wrobel, IDA 2001; that labels so chosen are a biased sample, and what
    to do about it: Dasgupta, "Two faces of active learning", TCS 2011, §1; Žliobaitė, Bifet, Pfahringer, Holmes,
    "Active learning with drifting streaming data", TNNLS 2014, §4, where part of the labels is drawn at random so that
    drift is seen wherever it is.
    """

    def __init__(self, spec: StreamSpec) -> None:
        settings = spec.monitoring.labels_wanted
        self._count, self._every = settings.count, settings.every_records
        self._blind = min(max(round(settings.random_share * settings.count), 1), settings.count)
        self._several = spec.task == "multilabel"
        self._rows = _empty()
        self._taken = 0
        self.asked = 0
        """Labels asked for so far."""

    @property
    def asking(self) -> bool:
        """Whether any label is ever asked for."""
        return self._count > 0

    def update(
        self,
        predictions: Predictions,
        rows: NDArray[np.intp],
        distances: NDArray[np.float32],
        *,
        drifting: bool,
        version: int,
        labelled: Callable[[Sequence[str]], Collection[str]],
        now_ms: int,
    ) -> list[LabelWanted]:
        """Take answers; gives what is wanted of the rounds that they end.

        Parameters
        ----------
        rows : which of the predictions are the version's own, int [n].
        distances : of these rows from the training rows, float32 [n]; see `monitoring.labels.unseen`.
        drifting : whether a drift stands.
        labelled : those of some record ids whose truth is known.
        """
        told: list[LabelWanted] = []
        start = 0
        while self.asking and start < len(rows):
            room = self._every - self._taken % self._every
            part = rows[start : start + room]
            self._enter(predictions, part, distances[start : start + room], drifting)
            self._taken += len(part)
            start += room
            if self._taken % self._every == 0:
                told += self._choose(version, labelled, now_ms)
                self._rows = _empty()
        return told

    def snapshot(self, ledger: Ledger) -> WantedState:
        """Put the part labels-wanted into the ledger, if any label is ever asked for."""
        if self.asking:
            ledger.put(_PART, pack(None, self._rows))
        return WantedState(self._taken, self.asked)

    def restore(self, state: WantedState, parts: Mapping[str, bytes]) -> None:
        """Become what a snapshot said; this one must be new. Raises DamagedState."""
        self.asked = state.asked
        if not self.asking or _PART not in parts:
            return
        _, rows = unpack(_PART, part_of(parts, _PART), type(None))
        if rows.keys() != _DTYPES.keys():
            raise DamagedState(f"monitor state, part {_PART}: not the candidates of a round")
        self._rows = {name: column.astype(_DTYPES[name]) for name, column in rows.items()}
        self._taken = state.taken

    def _enter(
        self, predictions: Predictions, rows: NDArray[np.intp], distances: NDArray[np.float32], drifting: bool
    ) -> None:
        margin = margins(predictions.probabilities[rows], self._several)
        draw = _draws(self._taken, len(rows))
        kept = self._best(margin, distances, draw)
        at = rows[kept].tolist()
        answers = [predictions.answers[i] for i in at]
        fresh = {
            "record_id": _objects([predictions.record_ids[i] for i in at]),
            "device_id": _objects([predictions.device_ids[i] for i in at]),
            "answer": _objects([a if isinstance(a, str) else _SEPARATOR.join(a) for a in answers]),
            "event_time": predictions.event_times[at],
            "partition": predictions.source_partitions[at],
            "offset": predictions.source_offsets[at],
            "confidence": predictions.confidences[at].astype(np.float64),
            "margin": margin[kept],
            "distance": distances[kept].astype(np.float64),
            "draw": draw[kept],
            "drifting": np.full(len(at), drifting),
        }
        both = {name: np.concatenate([column, fresh[name]]) for name, column in self._rows.items()}
        # A record that is answered twice is one candidate, as it was answered first.
        once = np.unique(both["record_id"].astype(str), return_index=True)[1]
        once.sort()
        both = {name: column[once] for name, column in both.items()}
        best = self._best(both["margin"], both["distance"], both["draw"])
        self._rows = {name: column[best] for name, column in both.items()}

    def _best(self, margin: NDArray[Any], distance: NDArray[Any], draw: NDArray[Any]) -> NDArray[np.intp]:
        """Rows that may still be chosen: of each kind the first `3 count`, in their order."""
        most = _SPARE * self._count
        far = np.flatnonzero(distance >= FAR)
        firsts = [np.argsort(margin, kind="stable")[:most], np.argsort(draw, kind="stable")[:most]]
        firsts.append(far[np.argsort(-distance[far], kind="stable")[:most]])
        return np.unique(np.concatenate(firsts))

    def _choose(
        self, version: int, labelled: Callable[[Sequence[str]], Collection[str]], now_ms: int
    ) -> list[LabelWanted]:
        rows = self._rows
        ids = rows["record_id"].tolist()
        known = labelled(ids)
        left = np.array([i for i, record_id in enumerate(ids) if record_id not in known], dtype=np.int64)
        chosen: list[tuple[int, Why]] = []

        def take(order: NDArray[np.int64], n: int, why: Why) -> None:
            nonlocal left
            chosen.extend((int(i), why) for i in order[:n])
            left = np.setdiff1d(left, order[:n])

        def drawn() -> NDArray[np.int64]:
            return left[np.argsort(rows["draw"][left], kind="stable")]

        take(drawn(), self._blind, "random")
        rest = self._count - self._blind
        if rows["drifting"].any():
            order = drawn()
            take(order[rows["drifting"][order]], rest, "drift")
        else:
            far = left[rows["distance"][left] >= FAR]
            take(far[np.argsort(-rows["distance"][far], kind="stable")], int(rest * _UNSEEN), "unseen")
            doubtful = left[np.argsort(rows["margin"][left], kind="stable")][: _SPARE * self._count]
            groups = [(rows["device_id"][i], rows["answer"][i]) for i in doubtful.tolist()]
            take(doubtful[in_turn(groups)] if groups else doubtful, self._count - len(chosen), "uncertain")
        self.asked += len(chosen)
        return [self._wanted(i, why, version, now_ms) for i, why in chosen]

    def _wanted(self, i: int, why: Why, version: int, now_ms: int) -> LabelWanted:
        rows, answer = self._rows, str(self._rows["answer"][i])
        return LabelWanted(
            record_id=rows["record_id"][i],
            device_id=rows["device_id"][i],
            event_time=int(rows["event_time"][i]),
            answer=[name for name in answer.split(_SEPARATOR) if name] if self._several else answer,
            confidence=round(float(rows["confidence"][i]), 6),
            margin=round(min(float(rows["margin"][i]), 1.0), 6),
            why=why,
            model_version=version,
            source_partition=int(rows["partition"][i]),
            source_offset=int(rows["offset"][i]),
            wanted_at=now_ms,
        )


def _empty() -> dict[str, NDArray[Any]]:
    return {name: np.empty(0, dtype=dtype) for name, dtype in _DTYPES.items()}


def _objects(values: list[str]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=np.object_)
    out[:] = values
    return out


def _draws(first: int, n: int) -> NDArray[np.float64]:
    """Of the answers numbered from `first` on, each its own number in [0, 1): splitmix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = np.arange(first + 1, first + n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / 2**53
