"""Whether a new version is clearly worse than the gate promised, and than the one before."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec

from driftline.records.loop import DriftEvent, ModelEvent
from monitoring.concept.changepoint import Baseline, known_split
from monitoring.policy.ask import Ask, restored_event, stored_event

# Outcomes before the first look: fewer cannot be clear, unless nearly all are wrong.
_FEWEST = 20
# Chance of asking for a rollback of a version that is as good as the one before. The trainer then scores both on the
# same records and has the last word, so this costs a look at most.
_CONFIDENCE = 0.01
# Accuracy that must be lost: less is no reason to go back.
_LOSS = 0.05


@dataclass(slots=True)
class Probation:
    """The first outcomes of a version that a job has put into service.

    Parameters
    ----------
    version, former : the version, and the one before.
    event : the drift it was made for; None where a challenge brought it in.
    rows : records on which the gate compared the two; `promised` and `before` are their accuracies there.
    most : outcomes after which it has passed.
    seen, right : outcomes and right ones of the version before this service (a recalled version has a past); None
        until the first look.
    """

    version: int
    former: int
    event: DriftEvent | None
    rows: int
    promised: float
    before: float
    most: int
    seen: int | None = None
    right: int = 0

    @classmethod
    def of(cls, verdict: ModelEvent, ask: Ask, most: int) -> "Probation | None":
        """Of a verdict that put a version into service; None if it did not compare the two."""
        figures = verdict.metrics
        known = {"rows", "accuracy", "champion_accuracy"} <= figures.keys()
        if not most or not known or verdict.version is None or verdict.previous_version is None:
            return None
        return cls(
            verdict.version,
            verdict.previous_version,
            ask.event,
            int(figures["rows"]),
            figures["accuracy"],
            figures["champion_accuracy"],
            most,
        )

    def look(self, seen: int, right: int) -> "Ask | bool":
        """The rollback to ask for, or whether the probation goes on.

        Parameters
        ----------
        seen, right : all outcomes of the version ever, and the right ones.

        Notes
        -----
        The former version does not answer these records, so what the gate measured of it stands in its place: clearly
        worse is an error rate above that by `_LOSS`, with a likelihood ratio that a version as good as the former one
        reaches with probability 0.01 at any time.
        """
        if self.seen is None:
            self.seen, self.right = seen, right
        n, good = seen - self.seen, right - self.right
        if n < _FEWEST:
            return True
        split = known_split(n - good, n, Baseline(float(self.rows), self.rows * (1.0 - self.before)))
        clear = split.log_ratio >= _clear(n)
        if clear and split.after - split.before >= _LOSS:
            return Ask(
                self.event,
                1,
                "rollback",
                "rollback",
                f"version {self.version} is right on {good} of its first {n} labelled records ({good / n:.3f}); the "
                f"gate measured {self.promised:.3f}, and {self.before:.3f} of version {self.former}",
                self.former,
                n,
            )
        return n < self.most


def _clear(n: int) -> float:
    """Log-likelihood ratio, in nats, of one split that is fixed beforehand and looked at after each of n outcomes.

    ln(1 / confidence) + ½ ln n + 1: what a mixture over the unknown rate costs (Robbins 1970, Statistical methods
    related to the law of the iterated logarithm, Annals of Mathematical Statistics 41(5), section 3).
    """
    return math.log(1.0 / _CONFIDENCE) + 0.5 * math.log(max(n, 2)) + 1.0


class ProbationState(msgspec.Struct):
    """A `Probation` in a snapshot."""

    version: int
    former: int
    event: dict[str, Any] | None
    rows: int
    promised: float
    before: float
    most: int
    seen: int | None
    right: int


def stored(probation: Probation) -> ProbationState:
    """As a snapshot keeps it."""
    return ProbationState(
        probation.version, probation.former, stored_event(probation.event), probation.rows, probation.promised,
        probation.before, probation.most, probation.seen, probation.right,
    )  # fmt: skip


def restored(state: ProbationState) -> Probation:
    """What `stored` kept. Raises DamagedState."""
    return Probation(
        state.version, state.former, restored_event(state.event), state.rows, state.promised, state.before,
        state.most, state.seen, state.right,
    )  # fmt: skip
