"""A version in service against what the newest records teach, before a training is spent on it."""

from driftline.model.answers import Decision
from driftline.model.scorer import Scorer
from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.evaluate import correct, evaluate
from training.learnable import learnable
from training.messages import JobResult
from training.paired import better_on_stretch

# It only spares trainings that would come to nothing, and a network mostly learns more than a straight line.
_WORTH_A_TRAINING = 0.25


def challenged(
    spec: StreamSpec, dataset: Dataset, champion: Scorer, decision: Decision | None = None
) -> JobResult | None:
    """None if the newest rows of `dataset` teach a logistic regression more than the champion knows, else its refusal.

    Both answer the same rows, the regression each of them without having seen it; the champion may have learnt from
    some, which speaks for it. The gate still has to be passed by what is then trained: a challenge that should not have
    been costs a training, never a version.
    """
    taught, n = learnable(spec, dataset)
    newest = dataset.rows(len(dataset) - n, len(dataset))
    probabilities, decide = champion.score(newest.columns), decision or Decision(spec)
    in_service = evaluate(spec, probabilities, newest.labels, decide)
    p_value = better_on_stretch(taught, correct(decide.codes(probabilities), newest.labels))
    if p_value < _WORTH_A_TRAINING:
        return None
    said = (
        f"a logistic regression learns to answer {taught.mean():.3f} of the newest {n} rows from the others, and the "
        f"model in service answers {in_service.accuracy:.3f}: nothing to gain (paired test: p = {p_value:.2g})"
    )
    return JobResult(kind="refused", trained=False, reasons=(said,), evaluation=in_service, champion=in_service)
