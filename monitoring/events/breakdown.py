"""A rise of the error rate, by class, by device and by segment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftline.records.loop import BlamedPart
from monitoring.concept.changepoint import best_splits
from monitoring.distribution.parts import MOST_NAMED, Tally, blame_parts, tally
from monitoring.events.confined import Judgement, judge_errors
from monitoring.labels.casebook import Cases, coded
from monitoring.labels.history import Moment
from monitoring.labels.segment_values import DEVICE

# Newest outcomes since the onset, and newest before it, that are broken down: what matters is how it is now, and the
# cost of a look must not grow with the age of the drift.
_AFTER, _BEFORE = 1_000, 5_000


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Whom a rise of the error hits.

    Attributes
    ----------
    cause : why, as far as the devices tell; `suspects` are the devices at fault, `others` the number of the rest.
    """

    classes: list[BlamedPart]
    devices: list[BlamedPart]
    segments: list[BlamedPart]
    cause: Judgement
    suspects: tuple[str, ...]
    others: int


def break_down(
    cases: Cases,
    onset: Moment,
    classes: Sequence[str],
    segments: Sequence[str],
    values: Sequence[Sequence[str]],
    past: tuple[float, float],
) -> Breakdown:
    """Compare the errors since `onset` with those before it.

    Parameters
    ----------
    classes : of the stream.
    segments : as the specification lists them; features among them are in the order of the columns of
        `cases.segments`, which `values` names the codes of.
    past : (records, errors) that stand for the time before the onset if no outcome is of it.
    """
    rows, since = _newest(cases, onset)
    wrong = cases.wrong[rows]
    names, device = coded(cases.device[rows])
    by_device = tally(names, device, wrong, since, past)
    judged = judge_errors(by_device)
    devices = blame_parts(by_device, "device")
    suspects = tuple(by_device.names[i] or "" for i in judged.devices)
    if judged.cause == "sensor":
        devices = _suspects(devices, suspects, by_device)
    columns = iter(range(cases.segments.shape[1]))
    parts: list[BlamedPart] = []
    for name in segments:
        if name == DEVICE:
            parts += [part.model_copy(update={"part_of": DEVICE}) for part in devices]
            continue
        column = next(columns)
        counts = tally(values[column], cases.segments[rows, column], wrong, since, past)
        parts += blame_parts(counts, name)
    return Breakdown(
        classes=_by_class(cases, rows, since, classes, past),
        devices=devices,
        segments=parts[: 2 * MOST_NAMED],
        cause=judged,
        suspects=suspects,
        others=int((by_device.n_after > 0).sum()) - len(suspects),
    )


def onset_of_others(cases: Cases, apart: frozenset[str], onset: Moment) -> Moment:
    """Where the error of all devices but those `apart` rose; `onset` if that is not clear."""
    names, codes = coded(cases.device)
    chosen = np.flatnonzero(~np.isin(codes, [i for i, name in enumerate(names) if name in apart]))
    rise, _ = best_splits(cases.wrong[chosen])
    if rise is None or not rise.index:
        return onset
    at = chosen[rise.index]
    moment = Moment(int(cases.time[at]), int(cases.number[at]))
    return max(moment, onset, key=lambda m: (m.event_time, m.number))


def _newest(cases: Cases, onset: Moment) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Rows to compare, and which of them are since the onset."""
    since = cases.since(onset)
    before, after = np.flatnonzero(~since)[-_BEFORE:], np.flatnonzero(since)[-_AFTER:]
    rows = np.concatenate([before, after])
    return rows, since[rows]


def _by_class(
    cases: Cases,
    rows: NDArray[np.intp],
    since: NDArray[np.bool_],
    classes: Sequence[str],
    past: tuple[float, float],
) -> list[BlamedPart]:
    truth = cases.truth[rows]
    if truth.ndim == 1:
        return blame_parts(tally(classes, truth, cases.wrong[rows], since, past), "class")
    # Of a set of classes each is a question of its own: is it missing where it holds, or there where it does not?
    missed = truth != cases.answer[rows]
    n_before, n_after = float((~since).sum()), float(since.sum())
    every = np.ones(len(classes))
    counts = Tally(
        tuple(classes),
        n_before * every,
        missed[~since].sum(axis=0).astype(np.float64),
        n_after * every,
        missed[since].sum(axis=0).astype(np.float64),
    )
    return blame_parts(counts, "class") if n_before else []


def _suspects(devices: list[BlamedPart], suspects: tuple[str, ...], counts: Tally) -> list[BlamedPart]:
    """The devices at fault, each with its rates, also those whose own rise is not beyond doubt."""
    known = {part.name: part for part in devices}
    at = {name: i for i, name in enumerate(counts.names)}
    first = []
    for name in suspects[:MOST_NAMED]:
        i = at[name]
        before, after = float(counts.rate_before[i]), float(counts.rate_after[i])
        made = BlamedPart(
            name=name,
            part_of="device",
            before=round(before, 4),
            after=round(after, 4),
            records=int(counts.n_after[i]),
            detail=f'device "{name}" error {before:.0%} → {after:.0%}',
        )
        first.append(known.get(name, made))
    return first
