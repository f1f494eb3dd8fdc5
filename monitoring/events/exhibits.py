"""What an event carries to be drawn: distributions of the blamed variables, and right answers around the onset."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from driftline.records.exhibits import Course, Histogram
from driftline.records.loop import DriftEvent, DriftKind
from driftline.registry.reference import CategoricalReference, FeatureReference, Reference
from monitoring.distribution.layout import Layout
from monitoring.distribution.stretch import Current
from monitoring.events.onset import between_blocks, between_outcomes
from monitoring.labels.casebook import Cases
from monitoring.labels.history import Moment
from monitoring.watch import Watch

MOST_HISTOGRAMS = 8
"""Blamed variables of an event that carry their distribution: an event is some kilobytes, also on a thousand."""
MOST_BINS = 20
MOST_STRETCHES = 60
# Labelled outcomes on either side of the onset, at most; before it at least, where there are as many.
_MOST_OUTCOMES, _LEVEL = 3_000, 500
# Fewest outcomes of a stretch: of fewer the share of right ones says nothing.
_SHORTEST = 10
_LONGEST_NAME = 40


def exhibited(event: DriftEvent, watch: Watch, classes: Sequence[str], current: Current | None) -> DriftEvent:
    """The event with all that a plot of it needs.

    Parameters
    ----------
    classes : of the stream.
    current : the records that its features were blamed by; None without any.
    """
    kind = DriftKind.DATA if event.kind is DriftKind.CONCEPT else event.kind
    layout = watch.window(kind).layout
    variables = {name: i for i, name in enumerate(layout.names)}
    features = list(event.features)
    for i, blame in enumerate(features[:MOST_HISTOGRAMS]):
        variable = variables.get(blame.feature)
        if variable is None or current is None:
            continue
        words = _bin_names(kind, variable, watch.data.references, watch.reference, classes)
        shown = histogram(layout, variable, current.counts, words)
        features[i] = blame.model_copy(update={"histogram": shown})
    return around_onset(event.model_copy(update={"features": features}), watch, classes)


def around_onset(event: DriftEvent, watch: Watch, classes: Sequence[str]) -> DriftEvent:
    """The event with the course of right answers around its onset, and between which moments that lies."""
    onset = watch.onsets.get(event.event_id)
    if onset is None:
        return event
    cases = watch.casebook.cases()
    if event.answer is not None:
        cases = cases.chosen(np.flatnonzero(cases.answer == list(classes).index(event.answer)))
    since = int(cases.since(onset).sum())
    at = len(cases) - since
    if not at and event.course is not None:
        # What came before is remembered no more; what was told of it stands.
        return event
    first, last = max(at - min(max(since, _LEVEL), _MOST_OUTCOMES), 0), at + _MOST_OUTCOMES
    near = cases.between(first, last)
    between = _between(event, watch, near, at - first, onset)
    return event.model_copy(
        update={"course": course_of(near, at - first), "onset_between": between or event.onset_between}
    )


def histogram(
    layout: Layout, variable: int, counts: NDArray[np.int64], words: Sequence[str], most: int = MOST_BINS
) -> Histogram:
    """One variable's distribution; bins that neither side ever saw are left out.

    Parameters
    ----------
    counts : of all variables now, int64 [bins].
    words : what each bin of the variable holds.
    most : bins shown; of more, those whose share changed most or is greatest, and the rest as one.
    """
    bins = layout.bins(variable)
    then, now = layout.weights[bins], counts[bins].astype(np.float64)
    before, after = then / max(then.sum(), 1.0), now / max(now.sum(), 1.0)
    shown = np.flatnonzero((then > 0) | (now > 0))
    names = [_short(words[i]) for i in shown.tolist()]
    before, after = before[shown], after[shown]
    if len(shown) > most:
        weight = np.abs(after - before) + np.maximum(after, before)
        kept = np.sort(np.argsort(-weight, kind="stable")[: most - 1])
        rest = len(shown) - len(kept)
        names = [*(names[i] for i in kept.tolist()), f"{rest} others"]
        before = np.append(before[kept], max(1.0 - float(before[kept].sum()), 0.0))
        after = np.append(after[kept], max(1.0 - float(after[kept].sum()), 0.0))
    return Histogram(bins=names, reference=np.round(before, 4).tolist(), current=np.round(after, 4).tolist())


def course_of(cases: Cases, onset: int, most: int = MOST_STRETCHES) -> Course | None:
    """Right answers in stretches of equally many outcomes, counted from the onset backwards and forwards.

    Parameters
    ----------
    onset : index of the first case of the drift.
    most : stretches.

    Returns
    -------
    None if there are too few cases for one stretch.
    """
    n = len(cases)
    size = max(-(-n // max(most - 1, 1)), _SHORTEST)
    starts = np.arange(onset % size, n, size)
    ends = np.append(starts[1:], n)
    # The newest stretch is still being filled: of a handful of outcomes it would leap.
    full = ends - starts >= max(_SHORTEST, size // 2)
    starts, ends = starts[full], ends[full]
    if not len(starts):
        return None
    right = np.concatenate([[0], np.cumsum(~cases.wrong)])
    return Course(
        times=cases.time[starts].tolist(),
        records=(ends - starts).tolist(),
        right=np.round((right[ends] - right[starts]) / (ends - starts), 4).tolist(),
    )


def edge_words(edges: Sequence[float]) -> list[str]:
    """Bins between ascending edges, in as many digits as tell the edges apart.

    >>> edge_words([1013.21, 1013.24])
    ['up to 1013.21', '1013.21 to 1013.24', 'above 1013.24']
    """
    if not edges:
        return ["present"]
    written = next(
        (said for digits in range(3, 18) if len(set(said := [f"{edge:.{digits}g}" for edge in edges])) == len(edges)),
        [repr(edge) for edge in edges],
    )
    middle = [f"{low} to {high}" for low, high in pairwise(written)]
    return [f"up to {written[0]}", *middle, f"above {written[-1]}"]


def _between(event: DriftEvent, watch: Watch, near: Cases, onset: int, moment: Moment) -> tuple[int, int] | None:
    if event.kind is not DriftKind.CONCEPT:
        return between_blocks(watch.window(event.kind), moment.event_time)
    if not onset:
        # From its first answer on: there is no time before it.
        return None
    found = between_outcomes(near.wrong)
    if found is None:
        return None
    low, high = min(found[0], onset), max(found[1], onset)
    return int(near.time[low]), int(near.time[min(high, len(near) - 1)])


def _bin_names(
    kind: DriftKind,
    variable: int,
    references: Sequence[FeatureReference],
    reference: Reference,
    classes: Sequence[str],
) -> list[str]:
    if kind is DriftKind.DATA:
        feature = references[variable]
        if isinstance(feature, CategoricalReference):
            return [*feature.categories, "unknown categories", "missing"]
        return [*edge_words(feature.edges), "missing"]
    return list(classes) if variable == 0 else edge_words(reference.confidence_edges)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
