"""What is done about a drift event, and within which limits."""

from typing import Literal

from pydantic import Field

from driftline.spec.features import Strict

Action = Literal["nothing", "notify", "recall", "retrain-onset", "retrain-window", "continue"]
"""What can be done at a drift event; see docs/policy.md."""


class KindActionsSpec(Strict):
    """What to do at events of one kind; null leaves it to `retrain_on` and `minimum_severity`."""

    warning: Action | None = Field(default=None, description="At a warning.")
    alarm: Action | None = Field(default=None, description="At an alarm.")


class ActionsSpec(Strict):
    """What to do at which event: `nothing` (it is counted, not told), `notify` (told only), `recall` (an archived
    version or nothing), `retrain-onset`, `retrain-window`, `continue` (on from the weights in service)."""

    concept: KindActionsSpec = Field(
        default=KindActionsSpec(),
        description="More wrong answers: [monitoring.policy.actions.concept](#monitoringpolicyactionsconcept).",
    )
    data: KindActionsSpec = Field(
        default=KindActionsSpec(),
        description="Other features: [monitoring.policy.actions.data](#monitoringpolicyactionsdata).",
    )
    prediction: KindActionsSpec = Field(
        default=KindActionsSpec(),
        description="Other answers: [monitoring.policy.actions.prediction](#monitoringpolicyactionsprediction).",
    )
    prior: KindActionsSpec = Field(
        default=KindActionsSpec(),
        description="Another mix of labels: [monitoring.policy.actions.prior](#monitoringpolicyactionsprior).",
    )


class PolicySpec(Strict):
    """When a drift event becomes a job, and of what kind; see docs/policy.md."""

    retrain_on: tuple[Literal["concept", "data", "prediction", "prior"], ...] = Field(
        default=("concept",),
        description="Kinds of drift that ask for `retrain-onset`, where `actions` says nothing else.",
    )
    minimum_severity: Literal["warning", "alarm"] = Field(
        default="alarm", description="The least severity that does; an event below it is told only."
    )
    actions: ActionsSpec = Field(
        default=ActionsSpec(), description="What to do at which event: [actions](#monitoringpolicyactions)."
    )
    minimum_labels: int = Field(
        default=100, ge=20, description="Labelled records since the onset that a retraining needs."
    )
    minimum_labels_recall: int = Field(
        default=50,
        ge=20,
        description="Labelled records since the onset with which the archive is asked, before any training.",
    )
    window: int = Field(
        default=4_000,
        ge=100,
        description="Newest labelled records that `retrain-window`, `continue` and a refinement learn from.",
    )
    cool_down_records: int = Field(
        default=500, ge=0, description="Labelled records after a promotion or refusal before the next job."
    )
    maximum_trainings_per_day: int = Field(
        default=24, ge=0, le=10_000, description="Most trainings in any 24 hours; recalls are free."
    )
    refine: float = Field(
        default=5.0,
        ge=0,
        description="A version made after a drift is made anew once this many times its labelled records are known of "
        "the new world, up to `window`; 0 never, below 2 counts as 2.",
    )
    challenge_records: int = Field(
        default=2_000,
        ge=0,
        description="Labelled records of a version below `target_accuracy` after which it is asked whether the newest "
        "`window` teach a better one, though no drift is proven; then after up to 4 times as many. 0 never.",
    )
    target_accuracy: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Accuracy in service at which a version is good enough not to be refined or challenged.",
    )
    rollback_labels: int = Field(
        default=200,
        ge=0,
        description="First labelled records of a new version within which it is rolled back if it is clearly worse "
        "than the version before; 0 never.",
    )
    maximum_window: int = Field(
        default=20_000, ge=100, description="Most labelled records a retraining window reaches back over."
    )
