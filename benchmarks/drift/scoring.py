"""Alarms against known points of change, scored as by Cerqueira et al. (KDD 2026, arXiv 2606.07789)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Episode:
    """One stream, watched from `first` to `length`, and the alarms about it. Positions count the records from 0.

    Attributes
    ----------
    alarms : positions at which an alarm was raised, int64 [k], ascending.
    onset : where the change begins; None for a stream without one.
    records : records watched. Fewer than `length - first` if a change keeps records away.
    """

    alarms: NDArray[np.int64]
    onset: int | None
    first: int
    length: int
    records: int


@dataclass(frozen=True, slots=True)
class Score:
    """What the episodes of one scenario come to.

    Attributes
    ----------
    f1, precision, recall : of the protocol, pooled over the episodes. Each alarm in a window is a true positive, each
        one outside a false positive, each window without an alarm a false negative.
    f1_once : F1 with one true positive a window at most, further alarms in it left out.
    episode_recall : share of the windows with an alarm.
    delay : mean records from the onset to the first alarm in the window; None if all were missed.
    missed : windows without an alarm.
    false_alarms : alarms outside the windows, those behind a window included.
    false_per_1000 : per 1,000 watched records.
    false_per_1000_as_published : the same false alarms of all episodes, per 1,000 records of one stream, as the
        protocol's authors count: as many times higher as there are episodes.
    clean_per_million : alarms before the onsets, per 10^6 records before the onsets.
    outside : records outside the windows.
    mtfa : mean time between false alarms, `outside` by `false_alarms`; None without a false alarm.
    """

    episodes: int
    f1: float
    f1_once: float
    precision: float
    recall: float
    episode_recall: float
    delay: float | None
    missed: int
    false_alarms: int
    false_per_1000: float
    false_per_1000_as_published: float
    clean_per_million: float
    outside: int
    mtfa: float | None

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def score(episodes: Sequence[Episode], max_delay: int) -> Score:
    """Score episodes together.

    Parameters
    ----------
    max_delay : the window is [onset, onset + max_delay], both ends included, for gradual changes too.

    >>> one = Episode(np.array([10, 130, 140, 400]), onset=100, first=0, length=500, records=500)
    >>> found = score([one], max_delay=50)
    >>> found.recall, found.precision, found.delay, found.false_alarms, found.mtfa
    (1.0, 0.5, 30.0, 2, 224.5)
    """
    true = false = found = before = clean = outside = 0
    delays: list[int] = []
    for episode in episodes:
        alarms = np.asarray(episode.alarms, dtype=np.int64)
        if episode.onset is None:
            false += len(alarms)
            before += len(alarms)
            clean += episode.records
            outside += episode.records
            continue
        inside = alarms[(alarms >= episode.onset) & (alarms <= episode.onset + max_delay)]
        true += len(inside)
        false += len(alarms) - len(inside)
        before += int((alarms < episode.onset).sum())
        clean += episode.onset - episode.first
        outside += max(episode.records - min(max_delay + 1, episode.length - episode.onset), 0)
        if len(inside):
            found += 1
            delays.append(int(inside[0]) - episode.onset)
    changes = sum(episode.onset is not None for episode in episodes)
    missed = changes - found
    records = sum(episode.records for episode in episodes)
    length = float(np.mean([episode.length for episode in episodes])) if episodes else 0.0
    return Score(
        episodes=len(episodes),
        f1=_f1(true, false, missed),
        f1_once=_f1(found, false, missed),
        precision=_ratio(true, true + false),
        recall=_ratio(true, true + missed),
        episode_recall=_ratio(found, changes),
        delay=float(np.mean(delays)) if delays else None,
        missed=missed,
        false_alarms=false,
        false_per_1000=1_000 * _ratio(false, records),
        false_per_1000_as_published=1_000 * _ratio(false, length),
        clean_per_million=1e6 * _ratio(before, clean),
        outside=outside,
        mtfa=outside / false if false else None,
    )


def mean(scores: Sequence[Score]) -> dict[str, float | int | None]:
    """The unweighted mean of each figure over streams; counts are added, and MTFA is that of the sums.

    A delay is the mean of those streams that have one.
    """
    together: dict[str, float | int | None] = {}
    for name in Score.__dataclass_fields__:
        values = [value for one in scores if (value := getattr(one, name)) is not None]
        if name in ("episodes", "missed", "false_alarms", "outside"):
            together[name] = sum(values)
        else:
            together[name] = float(np.mean(values)) if values else None
    false = sum(one.false_alarms for one in scores)
    together["mtfa"] = sum(one.outside for one in scores) / false if false else None
    return together


def _f1(true: int, false: int, missed: int) -> float:
    return _ratio(2 * true, 2 * true + false + missed)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
