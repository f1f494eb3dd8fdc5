"""What the concept monitor says, and what it remembers."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from monitoring.concept.changepoint import Baseline
from monitoring.concept.detector_state import DetectorState
from monitoring.labels.history import Moment
from monitoring.store.rolling import RollingState


@dataclass(frozen=True, slots=True)
class ConceptFinding:
    """A rise of the error rate that is no chance.

    Attributes
    ----------
    onset : where the rise most likely began.
    whole_life : true if the model was worse than its held-out error from its first outcome on.
    e_value : evidence of the detector's ring, if it has such: by chance it is reached once in so many outcomes.
    escalated : true if this is an event already told of, whose severity has grown or which has reached all answers.
    answer : the class code of the one answer that the figures are of; None if they are of all.
    """

    severity: Literal["warning", "alarm"]
    onset: Moment
    error_before: float
    error_after: float
    log_ratio: float
    labelled: int
    whole_life: bool
    escalated: bool
    e_value: float | None = None
    answer: int | None = None


class ConceptState(msgspec.Struct):
    """The small things of a concept monitor; its outcomes are in parts of their own.

    `ringing` is whether an unproven detector rang since it was last asked.
    """

    rows: RollingState
    baseline: Baseline
    trigger: DetectorState | None
    active: int
    suspicion: int
    suspected: int
    next_look: int
    standing: ConceptFinding | None
    since_finding: int
    ringing: bool = False
