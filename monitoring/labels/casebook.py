"""What blame asks about the newest outcomes of the watched version: whose they are, what was true, what was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.spec.stream import StreamSpec
from monitoring.labels.history import Moment
from monitoring.labels.outcomes import Outcomes
from monitoring.store.ledger import Ledger
from monitoring.store.rolling import Rolling, RollingState


@dataclass(frozen=True, slots=True)
class Cases:
    """Outcomes in the order of event time, as columns of n rows.

    Attributes
    ----------
    wrong : bool [n].
    device : str, object [n].
    truth, answer : class codes int64 [n]; for a multilabel stream masks bool [n, K].
    segments : code of each segment's value, int64 [n, S]; -1 where it is not known.
    time, number : event time, and the monitor's number of the outcome, int64 [n].
    """

    wrong: NDArray[np.bool_]
    device: NDArray[np.object_]
    truth: NDArray[Any]
    answer: NDArray[Any]
    segments: NDArray[np.int64]
    time: NDArray[np.int64]
    number: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.wrong)

    def between(self, start: int, stop: int) -> "Cases":
        """Rows [start, stop)."""
        return self.chosen(slice(start, stop))

    def chosen(self, rows: slice | NDArray[np.intp]) -> "Cases":
        """Some rows, in ascending order."""
        return Cases(
            self.wrong[rows],
            self.device[rows],
            self.truth[rows],
            self.answer[rows],
            self.segments[rows],
            self.time[rows],
            self.number[rows],
        )

    def since(self, moment: Moment) -> NDArray[np.bool_]:
        """Which of them are from `moment` on, bool [n]."""
        since: NDArray[np.bool_] = (self.time > moment.event_time) | (
            (self.time == moment.event_time) & (self.number >= moment.number)
        )
        return since


class Casebook:
    """Keeps the newest outcomes of one version.

    Parameters
    ----------
    spec : the stream.
    capacity : most outcomes kept.
    segments : S, how many segments their values are known of.
    """

    def __init__(self, spec: StreamSpec, capacity: int, segments: int) -> None:
        several = spec.task == "multilabel"
        code: Any = (np.bool_, (len(spec.classes),)) if several else np.int64
        self._segments = segments
        self.first = 0
        """Count of the oldest outcome that shows the world before the drift that stands, or now if none does."""
        self._rows = Rolling(
            capacity,
            wrong=np.bool_,
            device=np.object_,
            truth=code,
            answer=code,
            time=np.int64,
            number=np.int64,
            **({"segments": (np.int64, (segments,))} if segments else {}),
        )

    @property
    def total(self) -> int:
        """Outcomes of this version ever seen."""
        return self._rows.total

    def f1(self, newest: int) -> dict[int, float]:
        """F1 of each class code that occurs among the newest outcomes, as truth or as answer."""
        truth, answer = self._rows["truth"][-newest:], self._rows["answer"][-newest:]
        if truth.ndim == 1:
            codes = np.union1d(truth, answer)
            truth, answer = truth[:, None] == codes, answer[:, None] == codes
        else:
            codes = np.arange(truth.shape[1])
        both, either = (truth & answer).sum(axis=0), truth.sum(axis=0) + answer.sum(axis=0)
        return {int(c): float(2 * b / e) for c, b, e in zip(codes, both, either, strict=True) if e and c >= 0}

    def newest(self, count: int) -> tuple[NDArray[np.bool_], NDArray[np.object_], NDArray[np.int64]]:
        """Of the newest outcomes: wrong, bool [n]; device, str, object [n]; codes of their segments, int64 [n, S]."""
        wrong, device = self._rows["wrong"][-count:], self._rows["device"][-count:]
        if not self._segments:
            return wrong, device, np.empty((len(wrong), 0), dtype=np.int64)
        return wrong, device, self._rows["segments"][-count:]

    def append(
        self,
        outcomes: Outcomes,
        rows: NDArray[np.intp],
        numbers: NDArray[np.int64],
        segments: NDArray[np.int64] | None = None,
    ) -> None:
        """Add outcomes.

        Parameters
        ----------
        rows : which of them, int [n].
        numbers : of the chosen, int64 [n].
        segments : codes of the chosen, int64 [n, S].
        """
        columns: dict[str, NDArray[Any]] = {
            "wrong": ~outcomes.correct[rows],
            "device": _chosen(outcomes.device_ids, rows),
            "truth": outcomes.labels[rows],
            "answer": outcomes.answers[rows],
            "time": outcomes.event_time[rows],
            "number": numbers,
        }
        if self._segments:
            unknown = np.full((len(rows), self._segments), -1, dtype=np.int64)
            columns["segments"] = unknown if segments is None else segments
        self._rows.append(**columns)

    def cases(self) -> Cases:
        """All that is kept from `first` on."""
        kept = slice(max(self.first - self._rows.first, 0), None)
        rows = {name: self._rows[name][kept] for name in ("wrong", "device", "truth", "answer", "time", "number")}
        time = rows["time"]
        order: slice | NDArray[np.intp] = slice(None)
        if len(time) > 1 and (np.diff(time) < 0).any():
            order = np.argsort(time, kind="stable")
        n = len(time)
        return Cases(
            segments=self._rows["segments"][kept][order] if self._segments else np.empty((n, 0), dtype=np.int64),
            **{name: column[order] for name, column in rows.items()},
        )

    def snapshot(self, ledger: Ledger) -> RollingState:
        """Put the parts cases/0, cases/1 … into the ledger, as far as they changed."""
        return self._rows.snapshot(ledger, "cases")

    def restore(self, state: RollingState, parts: Mapping[str, bytes]) -> None:
        """Take over the outcomes of a snapshot; this book must be new. Raises DamagedState."""
        self._rows.restore(state, parts, "cases")


def _chosen(devices: Sequence[str], rows: NDArray[np.intp]) -> NDArray[np.object_]:
    out = np.empty(len(rows), dtype=np.object_)
    out[:] = devices if len(rows) == len(devices) else [devices[row] for row in rows.tolist()]
    return out


def coded(names: NDArray[np.object_]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct names in order of appearance, and the index of each row's, int64 [n]."""
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(name, len(known)) for name in names), dtype=np.int64, count=len(names))
    return list(known), codes
