"""Whether a candidate may answer records: one plain function, which a user can replace by another."""

from typing import Protocol

from driftline.registry.manifest import Evaluation, Verdict
from driftline.spec.training import RolloutSpec


class Gate(Protocol):
    """Decides on a candidate from what was measured on the newest held-out slice."""

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
    p_value : of the paired test of the two (`training.evaluate.mcnemar`).
    majority : accuracy of always giving the slice's most frequent answer.

    Notes
    -----
    With no model in service the candidate is promoted whatever it scores: a stream without a model answers nothing,
    not even badly, and without answers there is no error rate to retrain on. If it does not beat the most frequent
    answer, the reasons say so. A later candidate must beat it: one that is merely less wrong than a broken champion
    would lower what the monitor takes for normal, and no drift would be seen from there. Refused, its drift stays
    open, and the monitor asks again with a longer window.
    """
    accuracy = f"accuracy {candidate.accuracy:.3f} on the newest {candidate.rows} rows"
    reasons: list[str] = []
    if champion is None:
        reasons.append(f"first model: {accuracy}")
        if majority is not None and candidate.accuracy <= majority:
            reasons.append(
                f"warning: always giving the most frequent answer would score {majority:.3f}; "
                "these features, or so few rows, do not tell the classes apart"
            )
        return Verdict(promoted=True, reasons=tuple(reasons), candidate=candidate)
    gain = candidate.accuracy - champion.accuracy
    enough = gain >= rollout.minimum_gain
    sure = p_value is not None and p_value <= rollout.significance
    reasons.append(f"{accuracy}, against {champion.accuracy:.3f} of the model in service")
    if not enough:
        reasons.append(f"gain {gain:+.3f}; rollout.minimum_gain asks for {rollout.minimum_gain:+.3f}")
    shown = "none" if p_value is None else f"{p_value:.2g}"
    reasons.append(
        f"paired test: p = {shown}, {'within' if sure else 'above'} rollout.significance {rollout.significance:g}"
    )
    knows = majority is None or candidate.accuracy > majority
    if not knows:
        reasons.append(f"always giving the most frequent answer would score {majority:.3f}: it has learnt nothing yet")
    return Verdict(
        promoted=enough and sure and knows,
        reasons=tuple(reasons),
        candidate=candidate,
        champion=champion,
        p_value=p_value,
    )
