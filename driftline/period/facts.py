"""What happened in a period, put together from what the topics hold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from driftline.drifts.case import Case, gather, told
from driftline.records.loop import DriftEvent, ModelEvent, ModelEventKind, RetrainingJob

# Points of the line of accuracy: each then stands for some hundred labelled records in a usual period.
POINTS = 120
_MADE_NOTHING = (ModelEventKind.REFUSED, ModelEventKind.FAILED)


@dataclass(frozen=True, slots=True)
class Answers:
    """Labelled answers as columns, by event time: epoch ms int64 [n], right bool [n], version int64 [n]."""

    times: NDArray[np.int64]
    right: NDArray[np.bool_]
    versions: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Facts:
    """A period [start, end) of a stream, epoch ms."""

    stream: str
    start: int
    end: int
    answered: int
    answers: Answers
    dead: Counter[str]
    cases: tuple[Case, ...]
    jobs: tuple[RetrainingJob, ...]
    verdicts: tuple[ModelEvent, ...]
    swaps: tuple[ModelEvent, ...] = field(default=())

    @property
    def accuracy(self) -> float | None:
        """Of all labelled answers; None without any."""
        return float(self.answers.right.mean()) if len(self.answers.right) else None

    @property
    def by_version(self) -> list[tuple[int, int, float]]:
        """(version, labelled answers, accuracy), in the order of versions."""
        found = []
        for version in np.unique(self.answers.versions).tolist():
            own = self.answers.right[self.answers.versions == version]
            found.append((version, len(own), float(own.mean())))
        return found

    @property
    def training_seconds(self) -> float:
        """From taking each job to its verdict, together."""
        return sum(verdict.seconds or 0.0 for verdict in self.verdicts)

    def line(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Accuracy over time: the middle of each stretch of equally many labelled answers, and its accuracy."""
        n = len(self.answers.right)
        if not n:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        edges = np.linspace(0, n, min(POINTS, n) + 1).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(self.answers.right)])
        middle = self.answers.times[(edges[:-1] + edges[1:]) // 2]
        return middle, (sums[edges[1:]] - sums[edges[:-1]]) / (edges[1:] - edges[:-1])


def facts(
    stream: str,
    start: int,
    end: int,
    *,
    answered: int,
    answers: Answers,
    dead: Counter[str],
    events: Sequence[DriftEvent],
    jobs: Sequence[RetrainingJob],
    model_events: Sequence[ModelEvent],
) -> Facts:
    """Put a period together; what was told before or after it is left out, but for drifts that still stood in it."""
    asked = [job for job in jobs if start <= job.requested_at < end]
    verdicts = [event for event in model_events if event.job_id and start <= event.at < end]
    known = gather([event for event in events if told(event) < end], asked, verdicts)
    cases = [case for case in known if case.standing or told(case.event) >= start]
    swaps = tuple(event for event in model_events if event.kind.changes_champion and start <= event.at < end)
    return Facts(
        stream, start, end, answered, answers, dead, tuple(cases),
        tuple(asked), tuple(verdicts), swaps,
    )  # fmt: skip


def to_watch(found: Facts) -> list[tuple[str, str]]:
    """(tone, sentence) for whoever takes over: what stands, what failed, what is thin."""
    said = [("bad", f"still standing: {case.event.summary}") for case in found.cases if case.standing]
    fruitless = [verdict for verdict in found.verdicts if verdict.kind in _MADE_NOTHING]
    if len(fruitless) >= 2:
        why = "; ".join(dict.fromkeys(verdict.reasons[0] for verdict in fruitless if verdict.reasons))
        said.append(("warn", f"{len(fruitless)} retrainings brought no model: {why}"))
    refused = sum(found.dead.values())
    if found.answered + refused and refused / (found.answered + refused) > 0.01:
        reason, count = found.dead.most_common(1)[0]
        share = refused / (found.answered + refused)
        said.append(("warn", f"{share:.1%} of the records were refused, most of them ({count:,}) as {reason}"))
    if found.answered and len(found.answers.right) < 0.05 * found.answered:
        share = len(found.answers.right) / found.answered
        said.append(
            ("warn", f"{share:.1%} of the answers have a label: accuracy is known of few, and drift is seen late")
        )
    return said or [("good", "nothing stands, nothing failed")]
