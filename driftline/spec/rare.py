"""Settings of `training.imbalance` and `training.decision` that do not fit the stream's task or features."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from driftline.spec.stream import StreamSpec


def unfit(spec: StreamSpec) -> str | None:
    """The first thing wrong, beginning with the field's path; None if there is nothing."""
    return _imbalance(spec) or _thresholds(spec)


def _imbalance(spec: StreamSpec) -> str | None:
    method = spec.training.imbalance.method
    if method not in ("smote", "adasyn"):
        return None
    read = f"training.imbalance.method: read {method}"
    if spec.task == "multilabel":
        return f"{read}, which knows one class a row, not several; allowed for multilabel: none, class-weights"
    if spec.text:
        return (
            f"{read}, but nothing lies between two texts ({spec.text[0].name!r} is one); "
            "allowed with text features: none, class-weights"
        )
    if not spec.numeric:
        return f"{read}, which needs a numeric feature; allowed with categorical features alone: none, class-weights"
    if method == "adasyn" and spec.categorical:
        return (
            f"{read}, which makes numbers only ({spec.categorical[0].name!r} is categorical); "
            "allowed with categorical features: none, class-weights, smote"
        )
    return None


def _thresholds(spec: StreamSpec) -> str | None:
    decision = spec.training.decision
    if spec.task == "multiclass" and decision.thresholds not in ("half", "cost"):
        return (
            f"training.decision.thresholds: read {decision.thresholds}, but of several classes the best one is "
            "answered, whatever its probability; allowed for multiclass: half, cost"
        )
    if decision.cost is None:
        if decision.thresholds == "cost":
            return "training.decision.cost: required with training.decision.thresholds 'cost'"
        return None
    if decision.thresholds != "cost":
        return (
            f"training.decision.cost: set, but training.decision.thresholds is '{decision.thresholds}', "
            "which does not use it; allowed with it: cost"
        )
    size = 2 if spec.task == "multilabel" else len(spec.classes)
    lengths = [len(line) for line in decision.cost]
    if lengths != [size] * size:
        of = "no and yes of any class" if spec.task == "multilabel" else "the classes"
        return (
            f"training.decision.cost: read {len(lengths)} lines of {', '.join(map(str, lengths)) or 'no'} numbers; "
            f"allowed: {size} lines of {size}, for {of}"
        )
    if not all(abs(value) < 1e30 for line in decision.cost for value in line):  # a NaN is less than nothing
        return "training.decision.cost: read a number that is not finite; allowed: any between -1e30 and 1e30"
    return None
