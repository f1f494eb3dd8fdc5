"""Which strategy to take: the cheapest of those that chance does not tell from the best."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftline.backtest.course import Course

# Stretches of the stream over which two strategies are compared: enough for a standard error, and each long enough that
# neighbouring answers, which are alike, lie in the same one.
STRETCHES = 50
# Share of the stretches, those where the difference jumps most, that say nothing of chance: a model was swapped there.
JUMPS = 0.1
# Standard errors within which a difference is taken for chance.
NOISE = 2.0


@dataclass(frozen=True, slots=True)
class Advice:
    """The strategy to take, and why, in sentences."""

    strategy: str
    reason: str
    warnings: tuple[str, ...] = ()


def difference(one: Course, other: Course) -> tuple[float, float]:
    """How much more accurate `one` is than `other`, and the standard error of that.

    Both are right or wrong on the same rows, so the rows are compared in pairs. The error is that of the means of 50
    stretches, from the differences of neighbouring ones (von Neumann, "Distribution of the ratio of the mean square
    successive difference to the variance", 1941) without the largest tenth: what both meet in the course of the stream
    is no chance, nor is the step where one has a new model. It is at least what independent rows would have.
    """
    gain = one.right.astype(np.float64) - other.right
    alone = float(gain.std() / np.sqrt(len(gain)))
    parts = np.array([part.mean() for part in np.array_split(gain, min(STRETCHES, len(gain)))])
    squares = np.sort(np.diff(parts) ** 2)
    kept = squares[: max(round(len(squares) * (1 - JUMPS)), 1)]
    near = float(np.sqrt(kept.mean() / 2 / len(parts))) if len(kept) else 0.0
    return float(gain.mean()), max(alone, near)


def advise(loops: Mapping[str, Course], others: Mapping[str, Course]) -> Advice | None:
    """Recommend one of `loops`; `others` are compared with it and cannot be recommended (driftline does not run them).

    Cost is the number of trainings, then of recalls: seconds differ from run to run.
    """
    if not loops:
        return None
    best = max(loops, key=lambda name: loops[name].accuracy)
    level = {}
    for name, course in loops.items():
        gain, error = difference(loops[best], course)
        if name == best or gain <= NOISE * error:
            level[name] = course
    chosen = min(
        level, key=lambda name: (level[name].retrainings, level[name].count("recalled"), -level[name].accuracy)
    )
    course = loops[chosen]
    said = f"{chosen}: accuracy {course.accuracy:.3f} with {_trainings(course)}"
    if chosen == best:
        rest = [name for name in level if name != best]
        said += ", the best" + (f"; {_names(rest)} cannot be told from it and cost no less" if rest else "")
    else:
        gain, error = difference(loops[best], course)
        said += (
            f"; {best} has {loops[best].accuracy:.3f} with {_trainings(loops[best])}, and the difference of {gain:.3f} "
            f"is within chance (standard error {error:.3f})"
        )
    warnings = []
    for name, other in others.items():
        gain, error = difference(other, course)
        if gain > NOISE * error:
            warnings.append(f"{name} is better, with {other.accuracy:.3f}: {_HINTS.get(name, _LEARNERS)}")
    return Advice(chosen, said, tuple(warnings))


_HINTS = {
    "no-change": "repeating the last label needs no features; where labels come that soon, give the model the last "
    "one as a feature, or do without a model"
}
_LEARNERS = "it learns from every label; try shorter windows or earlier retrainings (--set)"


def _trainings(course: Course) -> str:
    n = course.retrainings
    recalls = course.count("recalled")
    return f"{n} training{'s' * (n != 1)}" + (f" and {recalls} recall{'s' * (recalls != 1)}" if recalls else "")


def _names(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
