"""Whether a candidate may answer records: one plain function, which a user can replace by another."""

import importlib
from typing import Any, Protocol

from driftline.errors import UsageError
from driftline.registry.manifest import Evaluation, Verdict
from driftline.spec.training import RolloutSpec


class Gate(Protocol):
    """Decides on a candidate from what was measured on the held-out rows."""

    def __call__(
        self,
        rollout: RolloutSpec,
        candidate: Evaluation,
        champion: Evaluation | None,
        p_value: float | None,
        *,
        majority: float | None = None,
    ) -> Verdict: ...


def judge(
    rollout: RolloutSpec,
    candidate: Evaluation,
    champion: Evaluation | None,
    p_value: float | None,
    *,
    majority: float | None = None,
) -> Verdict:
    """Promote a candidate that is better than the model in service, by enough and surely enough.

    Parameters
    ----------
    candidate, champion : both on the same rows; `champion` None if no model is in service.
    p_value : of the paired test of the two (`training.gain.paired_test`).
    majority : `rollout.metric` of always giving the slice's most frequent answer.

    Notes
    -----
    With no model in service the candidate is promoted whatever it scores: a stream without a model answers nothing,
    not even badly, and without answers there is no error rate to retrain on. If it does not beat the most frequent
    answer, the reasons say so. A later candidate must beat it: one that is merely less wrong than a broken champion
    would lower what the monitor takes for normal, and no drift would be seen from there. Refused, its drift stays
    open, and the monitor asks again with another window. Where all held-out rows are of one class, 0.9 stands in the
    place of the most frequent answer, which nothing can beat.
    """
    accuracy = f"accuracy {candidate.accuracy:.3f} on {candidate.rows} held-out rows"
    reasons: list[str] = []
    reached = getattr(candidate, rollout.metric)
    # Where these rows do not have the figure, the gain says so.
    # A slice of one class has nothing to beat: there, nearly always giving that answer is all that can be known.
    asked = _OF_ONE_CLASS if majority == 1.0 else majority
    knows = asked is None or reached is None or reached > asked
    of = "" if rollout.metric == "accuracy" else f" in {rollout.metric}"
    if champion is None:
        reasons.append(f"first model: {accuracy}")
        if not knows:
            reasons.append(
                f"warning: always giving the most frequent answer would score {majority:.3f}{of}; "
                "these features, or so few rows, do not tell the classes apart"
            )
        return Verdict(promoted=True, reasons=tuple(reasons), candidate=candidate)
    gain = gained(rollout.metric, candidate, champion)
    enough = gain is not None and gain >= rollout.minimum_gain
    sure = p_value is not None and p_value <= rollout.significance
    reasons.append(f"{accuracy}, against {champion.accuracy:.3f} of the model in service")
    if gain is None:
        reasons.append(f"these rows have no {rollout.metric}, which rollout.metric asks for")
    elif not enough:
        reasons.append(f"gain {gain:+.3f}{of}; rollout.minimum_gain asks for {rollout.minimum_gain:+.3f}")
    shown = "none" if p_value is None else f"{p_value:.2g}"
    reasons.append(
        f"paired test: p = {shown}, {'within' if sure else 'above'} rollout.significance {rollout.significance:g}"
    )
    if not knows:
        reasons.append(
            f"always giving the most frequent answer would score {majority:.3f}{of}: it has learnt nothing yet"
        )
    harm = [*lost_classes(rollout, candidate, champion), *dishonest(rollout, candidate)]
    reasons += harm
    return Verdict(
        promoted=enough and sure and knows and not harm,
        reasons=tuple(reasons),
        candidate=candidate,
        champion=champion,
        p_value=p_value,
    )


# What a candidate must exceed where all held-out rows are of one class, as in a stream whose labels come in runs.
_OF_ONE_CLASS = 0.9
# Held-out rows of a class below which its recall is noise.
FEWEST_OF_A_CLASS = 20


def gained(metric: str, candidate: Evaluation, champion: Evaluation) -> float | None:
    """What the candidate is better by in a metric that grows; None where the slice does not have it."""
    ours, theirs = getattr(candidate, metric), getattr(champion, metric)
    return None if ours is None or theirs is None else float(ours - theirs)


def lost_classes(rollout: RolloutSpec, candidate: Evaluation, champion: Evaluation) -> list[str]:
    """A line for each class of 20 held-out rows or more whose recall falls by more than `maximum_class_loss`."""
    most = rollout.maximum_class_loss
    if most is None:
        return []
    before = {one.name: one.recall for one in champion.classes}
    return [
        f"recall of class {one.name} falls from {before[one.name]:.3f} to {one.recall:.3f}; "
        f"rollout.maximum_class_loss allows {most:g}"
        for one in candidate.classes
        if one.rows >= FEWEST_OF_A_CLASS and one.name in before and before[one.name] - one.recall > most
    ]


def dishonest(rollout: RolloutSpec, candidate: Evaluation) -> list[str]:
    """A line if the candidate's calibration error exceeds `maximum_calibration_error`."""
    most, found = rollout.maximum_calibration_error, candidate.calibration_error
    if most is None or found is None or found <= most:
        return []
    return [f"calibration error {found:.3f}; rollout.maximum_calibration_error allows {most:g}"]


def gate_of(rollout: RolloutSpec) -> Gate:
    """`judge`, or the function that `rollout.gate` names as MODULE:FUNCTION.

    The name stands in the specification, a file of the stream's owner; no message can bring one.

    Raises
    ------
    UsageError : it cannot be imported, or is no function.
    """
    if rollout.gate is None:
        return judge
    module, _, function = rollout.gate.partition(":")
    allowed = "allowed: MODULE:FUNCTION on the Python path"
    try:
        found = getattr(importlib.import_module(module), function or "?")
    except Exception as error:  # a person's module raises whatever it does
        raise UsageError(f"rollout.gate: read {rollout.gate!r}: {type(error).__name__}: {error}; {allowed}") from error
    if not callable(found):
        raise UsageError(f"rollout.gate: read {rollout.gate!r}, which is no function; {allowed}")

    def asked(*arguments: Any, **named: Any) -> Verdict:
        verdict = found(*arguments, **named)
        if not isinstance(verdict, Verdict):
            raise UsageError(
                f"rollout.gate: {rollout.gate} returned {type(verdict).__name__}; allowed: "
                "driftline.registry.manifest.Verdict"
            )
        return verdict

    return asked
