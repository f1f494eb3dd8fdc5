"""A window that nothing can be learnt from, made longer."""

from collections.abc import Callable

import numpy as np

from driftline.records.loop import RetrainingJob, Span, Window
from training.data import Dataset

# How often the window is doubled: 16 times as long at most.
_DOUBLINGS = 4


def wide_enough(
    job: RetrainingJob, collect: Callable[[RetrainingJob], Dataset], most_rows: int
) -> tuple[RetrainingJob, Dataset]:
    """The job and its rows; where all carry one label, with a window that reaches further back.

    Labels that come in runs (a machine that is well for days) may leave only one of them since the onset.

    Parameters
    ----------
    most_rows : labelled rows beyond which it is not made longer.

    Raises
    ------
    UsageError : as `collect` does.
    """
    dataset = collect(job)
    for _ in range(_DOUBLINGS):
        longer = Window(features=_twice(job.window.features), labels=_twice(job.window.labels))
        if not job_trains(job) or _two_answers(dataset) or len(dataset) >= most_rows or longer == job.window:
            break
        job = job.model_copy(update={"window": longer})
        dataset = collect(job)
    return job, dataset


def job_trains(job: RetrainingJob) -> bool:
    """Whether the job may make a model."""
    return job.action not in ("recall", "rollback")


def _two_answers(dataset: Dataset) -> bool:
    return len(np.unique(dataset.labels, axis=0)) > 1


def _twice(spans: dict[int, Span]) -> dict[int, Span]:
    return {partition: (max(2 * start - end, 0), end) for partition, (start, end) in spans.items()}
