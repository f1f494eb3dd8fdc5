"""What came of one strategy: every answer, and every event on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Points of the curves over the stream.
POINTS = 100
# Judged rows that a point of a curve looks back over: fewer make noise, more hide the drop after a change.
LOOK_BACK = 400


@dataclass(frozen=True, slots=True)
class Alarm:
    """The world has changed, it was said.

    Attributes
    ----------
    row : row at which it was said.
    onset_row : row since when; None where the detector does not say.
    kind : as the monitor names it; 'error' for a detector on the error stream alone.
    features : those that show it, most drifted first.
    """

    row: int
    onset_row: int | None
    kind: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What came of a retraining job.

    Attributes
    ----------
    asked, row : rows at which it was asked for and at which its answer was in service (or refused).
    kind : promoted, recalled, refused, failed or rolled-back.
    seconds : that the answer took on this machine.
    rows : labelled records in its window.
    trained : whether a model was made for it; a look into the archive makes none.
    """

    asked: int
    row: int
    kind: str
    version: int | None
    seconds: float
    rows: int
    reasons: tuple[str, ...] = ()
    trained: bool = True


@dataclass(slots=True)
class Course:
    """One strategy's way through the recording.

    Attributes
    ----------
    rows : int64 [n], the rows that were judged, ascending.
    answered, truth : int64 [n], codes.
    """

    rows: NDArray[np.int64]
    answered: NDArray[np.int64]
    truth: NDArray[np.int64]
    alarms: list[Alarm] = field(default_factory=list)
    warnings: int = 0
    changes: list[Change] = field(default_factory=list)
    seconds: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def right(self) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = self.answered == self.truth
        return same

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def kappa(self) -> float:
        return kappa(self.answered, self.truth)

    @property
    def retrainings(self) -> int:
        """Trainings that were run, whatever the gate said of them."""
        return sum(change.trained and change.kind in ("promoted", "refused") for change in self.changes)

    @property
    def training_seconds(self) -> float:
        return sum(change.seconds for change in self.changes)

    def count(self, kind: str) -> int:
        return sum(change.kind == kind for change in self.changes)


def kappa(answered: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Cohen's kappa (Cohen, "A coefficient of agreement for nominal scales", 1960): accuracy, less what guessing with
    the same shares would bring; 0 where there is nothing to tell apart.

    >>> kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    if not len(truth):
        return 0.0
    width = int(max(answered.max(), truth.max())) + 2
    said, true = (np.bincount(codes + 1, minlength=width) / len(truth) for codes in (answered, truth))
    chance = float(said @ true)
    agreed = float((answered == truth).mean())
    return 0.0 if chance >= 1 else (agreed - chance) / (1 - chance)


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy and kappa of the judged rows up to each of at most 100 rows."""

    rows: list[int]
    accuracy: list[float]
    kappa: list[float]


def curve(course: Course) -> Curve:
    """Over the newest rows at each point, as many as lie between two points and at least 400."""
    n = len(course.rows)
    ends = np.unique(np.linspace(0, n, POINTS + 1).astype(int)[1:])
    back = max(LOOK_BACK, -(-n // POINTS))
    spans = [slice(max(end - back, 0), end) for end in ends.tolist() if end]
    return Curve(
        [int(course.rows[span.stop - 1]) for span in spans],
        [float(course.right[span].mean()) for span in spans],
        [kappa(course.answered[span], course.truth[span]) for span in spans],
    )
