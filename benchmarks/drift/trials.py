"""One draw of a stream, watched through each of its possible futures."""

import copy
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.bounds import page, true_ratios
from benchmarks.drift.changes import Altered, Rows, Variant, mixed
from benchmarks.drift.learners import LearnerName, make_learner
from benchmarks.drift.parts import Part, Setting, Watcher
from benchmarks.drift.scoring import Episode
from benchmarks.drift.sources import Source

TRAINED = 0.25
"""Share of a stream that the model is trained on; the watch begins behind it."""
ONSETS = (0.5, 0.8)
"""The onset is drawn from this part of a stream."""
KNOWS_RATES, KNOWS_TABLE = "knows-the-rates", "knows-the-table"
"""No detectors but yardsticks: they are told the error rates, or how often each class is answered for each, before and
after the change."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one watcher said in one variant of one draw, and the error rates before and after the change."""

    source: str
    variant: Variant
    watcher: str
    episode: Episode
    error_before: float
    error_after: float


def run_trial(
    source: Source,
    variants: Sequence[Variant],
    seed: int,
    make_watchers: Callable[[Setting], Sequence[Watcher]],
    learner_name: LearnerName = "tree",
) -> list[Outcome]:
    """Draw a stream, train on its beginning, watch to a random onset once, and from there on in each variant.

    Parameters
    ----------
    seed : of everything that is drawn.
    """
    rng = np.random.default_rng([seed, zlib.crc32(source.name.encode())])
    clean = source.clean(rng)
    length = len(clean)
    first, onset = round(TRAINED * length), int(rng.uniform(*ONSETS) * length)
    learner = make_learner(learner_name, source.classes, seed)
    evaluation = learner.start(clean[:first])
    watchers = make_watchers(Setting(evaluation, clean.x[:first], clean.y[:first], source.classes))
    past = _part(clean[first:onset], learner.answer(clean[first:onset]))
    early = [watcher.watch(past) for watcher in watchers]
    after_draws = int(rng.integers(2**31))
    outcomes: list[Outcome] = []
    new_worlds: dict[tuple[str, float], Altered] = {}
    for variant in variants:
        draw = np.random.default_rng([after_draws, zlib.crc32(f"{variant.kind} {variant.size}".encode())])
        key = (variant.kind, variant.size)
        if key not in new_worlds:
            new_worlds[key] = source.after(draw, variant.kind, variant.size, clean[onset:], clean[:first])
        new = new_worlds[key]
        rows = mixed(draw, clean[onset:], new, source.max_delay if variant.gradual else 0)
        part = _part(rows, copy.deepcopy(learner).answer(rows))
        before = float(past.wrong.mean())
        after = float(part.wrong[_complete(rows, onset + source.max_delay)].mean())
        said = {
            name: np.concatenate([first + past_alarms, rows.position[new_alarms]])
            for watcher, known in zip(watchers, early, strict=True)
            for name, past_alarms, new_alarms in zip(watcher.names, known, watcher.fork().watch(part), strict=True)
        }
        places = np.concatenate([np.arange(first, onset), rows.position])
        for name, (events, kinds) in _events(past, part, source.classes).items():
            old, new_events = events[: len(past)], events[len(past) :]
            late = new_events[_complete(rows, onset + source.max_delay)]
            said[name] = places[page(true_ratios(events, old, late, kinds), onset - first)]
        for name, alarms in said.items():
            episode = Episode(alarms, onset, first, length, len(places))
            outcomes.append(Outcome(source.name, variant, name, episode, before, after))
    return outcomes


def clean_errors(source: Source, seed: int, learner_name: LearnerName = "tree") -> NDArray[np.bool_]:
    """The errors of a model on a stream without a change, behind the rows that it was trained on."""
    clean = source.clean(np.random.default_rng([seed, zlib.crc32(source.name.encode())]))
    first = round(TRAINED * len(clean))
    learner = make_learner(learner_name, source.classes, seed)
    learner.start(clean[:first])
    return _part(clean[first:], learner.answer(clean[first:])).wrong


def _part(rows: Rows, predicted: NDArray[np.int64]) -> Part:
    return Part(rows.x, predicted, rows.y)


def _complete(rows: Rows, since: int) -> NDArray[np.bool_]:
    """The records from when the change is complete, or all if none comes after that."""
    late: NDArray[np.bool_] = rows.position >= since
    return late if late.any() else np.ones(len(rows), dtype=np.bool_)


def _events(past: Part, part: Part, classes: int) -> dict[str, tuple[NDArray[np.int64], int]]:
    """What each yardstick sees of every record, as codes, and how many codes there are."""
    wrong = np.concatenate([past.wrong, part.wrong]).astype(np.int64)
    predicted = np.concatenate([past.predicted, part.predicted])
    actual = np.concatenate([past.actual, part.actual])
    # -1 is the answer of a model that has none yet.
    return {KNOWS_RATES: (wrong, 2), KNOWS_TABLE: ((predicted + 1) * classes + actual, (classes + 1) * classes)}
