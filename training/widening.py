"""A window that nothing can be learnt from, made longer."""

from collections.abc import Callable

import numpy as np

from driftline.records.loop import RetrainingJob, Span, Window
from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.splits import split

_DOUBLINGS = 4


def wide_enough(
    spec: StreamSpec, job: RetrainingJob, collect: Callable[[RetrainingJob], Dataset]
) -> tuple[RetrainingJob, Dataset]:
    """The job and its rows; where all training rows carry one label, with a window that reaches further back.

    Labels that come in runs (a machine that is well for days) may leave only one of them since the onset.

    Such a window is doubled up to four times, and not beyond `monitoring.policy.maximum_window` rows.

    Raises
    ------
    UsageError : as `collect` does.
    """
    dataset = collect(job)
    if job.action in ("recall", "rollback"):
        return job, dataset
    for _ in range(_DOUBLINGS):
        longer = Window(features=_twice(job.window.features), labels=_twice(job.window.labels))
        long = len(dataset) >= spec.monitoring.policy.maximum_window or longer == job.window
        if long or _two_answers(split(spec, dataset, spec.training.holdout)[0]):
            break
        job = job.model_copy(update={"window": longer})
        dataset = collect(job)
    return job, dataset


def _two_answers(dataset: Dataset) -> bool:
    return len(np.unique(dataset.labels, axis=0)) > 1


def _twice(spans: dict[int, Span]) -> dict[int, Span]:
    return {partition: (max(2 * start - end, 0), end) for partition, (start, end) in spans.items()}
