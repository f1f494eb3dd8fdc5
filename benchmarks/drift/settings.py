"""What is run: the watchers, the variants, and the calibration that the watchers need."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.calibration import FAMILIES, Calibrated, calibrate
from benchmarks.drift.changes import Variant
from benchmarks.drift.learners import Evaluation, LearnerName
from benchmarks.drift.parts import Part, Setting, Watcher
from benchmarks.drift.sources import Source
from benchmarks.drift.trials import Outcome, clean_errors, run_trial
from benchmarks.drift.watchers import Concept, Data, Prior, dummies

OURS: dict[str, Callable[[Setting], Watcher]] = {"driftline": Concept, "driftline-data": Data, "driftline-prior": Prior}
# The seeds of the trials count up from 0; those of the calibration never meet them.
_CALIBRATION_SEED = 1_000_000
_LEAST_BUDGET = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """Which watchers, how often, on which learner."""

    trials: int
    sizes: tuple[float, ...]
    learner: LearnerName
    detectors: tuple[str, ...]
    calibrated: tuple[tuple[str, float], ...]


def watchers_of(run: Run, setting: Setting) -> list[Watcher]:
    """New watchers for one stream."""
    made = [make(setting) for name, make in OURS.items() if name in run.detectors]
    made += [FAMILIES[name].make(f"{name} default", None) for name in FAMILIES if name in run.detectors]
    made += [
        FAMILIES[name].make(f"{name} calibrated", value) for name, value in run.calibrated if name in run.detectors
    ]
    return [*made, *dummies()]


def variants_of(source: Source, sizes: Sequence[float], kinds: Sequence[str]) -> list[Variant]:
    """Every kind and size of change that a source has, abrupt and gradual."""
    return [
        Variant(kind, size, gradual)
        for kind in source.kinds
        if not kinds or kind in kinds
        for size in (sizes if kind != "concept-switch" else (1.0,))
        for gradual in (False, True)
    ]


def run_all(sources: Sequence[Source], run: Run, kinds: Sequence[str], workers: int) -> list[Outcome]:
    """All trials of all sources, on several processes."""
    jobs = [(source, variants_of(source, run.sizes, kinds), seed) for seed in range(run.trials) for source in sources]
    one = functools.partial(_trial, run)
    if workers <= 1:
        return [outcome for job in jobs for outcome in one(job)]
    with ProcessPoolExecutor(workers) as pool:
        return [outcome for outcomes in pool.map(one, jobs) for outcome in outcomes]


def _trial(run: Run, job: tuple[Source, list[Variant], int]) -> list[Outcome]:
    source, variants, seed = job
    return run_trial(source, variants, seed, functools.partial(watchers_of, run), run.learner)


def calibration(sources: Sequence[Source], names: Sequence[str], records: int, workers: int) -> dict[str, Any]:
    """Parameters at which river's detectors raise no more false alarms than driftline's concept monitor.

    Clean error streams of the trained tree on every source are permuted until there are `records` of them: shuffled
    rows have exchangeable errors. The budget is what the concept monitor raises there on its defaults, but at least
    one in 100,000, which is about the least that so many records can show.
    """
    rng = np.random.default_rng(_CALIBRATION_SEED)
    streams = [clean_errors(source, _CALIBRATION_SEED) for source in sources]
    rounds = max(1, round(records / sum(map(len, streams))))
    errors = [rng.permutation(stream) for _ in range(rounds) for stream in streams]
    ours = 1e6 * sum(map(_our_alarms, errors)) / sum(map(len, errors))
    budget = max(ours, _LEAST_BUDGET)
    families = [name for name in FAMILIES if name in names]
    one = functools.partial(_calibrate, errors=errors, budget=budget)
    if workers <= 1:
        found = list(map(one, families))
    else:
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(one, families))
    return {
        "records": sum(map(len, errors)),
        "driftline_per_million": ours,
        "budget_per_million": budget,
        "detectors": {name: asdict(chosen) for name, chosen in zip(families, found, strict=True)},
    }


def _calibrate(name: str, errors: Sequence[NDArray[np.bool_]], budget: float) -> Calibrated:
    return calibrate(FAMILIES[name], errors, budget)


def _our_alarms(wrong: NDArray[np.bool_]) -> int:
    x = np.zeros((len(wrong), 1), np.float32)
    right = np.zeros(len(wrong), np.int64)
    monitor = Concept(Setting(Evaluation(float(wrong.mean()), 1_000), x[:100], right[:100], 2))
    return len(monitor.watch(Part(x, wrong.astype(np.int64), right))[0])
