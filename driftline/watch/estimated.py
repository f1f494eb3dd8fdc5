"""What the monitor estimates without labels, out of its metrics, for a person at the command line."""

from collections.abc import Iterable
from typing import Any

from driftline.watch.scrape import Look

_PREFIX = "driftline_monitor_estimated"
# Classes named in one line; the weakest ones, for these are why a person looks.
_NAMED = 5


def estimated(looks: Iterable[Look]) -> dict[str, Any] | None:
    """Estimated accuracy and F1 by the first service that has them; None without any answer yet.

    Returns
    -------
    accuracy, low, high : of the newest answers. macro_f1 : span ('window', 'version') → mean of F1.
    f1 : class → {window, version, low, high}, only of classes that have one. confusion : the largest expected mix-ups
    since the promotion as (answer, truth, share of all answers), the largest first.
    """
    for one in looks:
        accuracy = one.value(f"{_PREFIX}_accuracy_ratio")
        if accuracy is None or accuracy != accuracy:
            continue
        bound = {
            dict(key)["bound"]: value for key, value in one.samples.get(f"{_PREFIX}_accuracy_bound_ratio", {}).items()
        }
        f1: dict[str, dict[str, float]] = {}
        for name, label in ((f"{_PREFIX}_f1_ratio", "span"), (f"{_PREFIX}_f1_bound_ratio", "bound")):
            for key, value in one.samples.get(name, {}).items():
                if value == value:
                    f1.setdefault(dict(key)["class"], {})[dict(key)[label]] = value
        macro = one.samples.get(f"{_PREFIX}_macro_f1_ratio", {})
        pairs = [
            (dict(key)["answer"], dict(key)["truth"], value)
            for key, value in one.samples.get(f"{_PREFIX}_confusion_ratio", {}).items()
        ]
        wrong = sorted((pair for pair in pairs if pair[0] != pair[1] and pair[2] > 0), key=lambda pair: -pair[2])
        return {
            "accuracy": accuracy,
            **bound,
            "macro_f1": {dict(key)["span"]: value for key, value in macro.items() if value == value},
            "f1": f1,
            "confusion": wrong[:_NAMED],
        }
    return None


def in_words(found: dict[str, Any] | None) -> list[str]:
    """The same as lines, the weakest classes first; none if nothing is estimated."""
    if found is None:
        return []
    lines = [f"judged without labels: {found['accuracy']:.1%} right ({found['low']:.1%} to {found['high']:.1%})"]
    if macro := found["macro_f1"]:
        lines[0] += " · F1 " + ", ".join(
            f"{macro[span]:.3f} {words}" for span, words in _SPANS.items() if span in macro
        )
    known = {name: value for name, value in found["f1"].items() if {"window", "low", "high"} <= value.keys()}
    if known:
        weakest = sorted(known.items(), key=lambda item: item[1]["window"])[:_NAMED]
        lines.append(
            "weakest classes by F1: "
            + ", ".join(f"{name} {v['window']:.3f} ({v['low']:.3f} to {v['high']:.3f})" for name, v in weakest)
        )
    if found["confusion"]:
        lines.append(
            "most often mixed up since the promotion: "
            + ", ".join(f"{answer} for {truth} {share:.1%}" for answer, truth, share in found["confusion"])
        )
    return lines


_SPANS = {"window": "of the newest answers", "version": "since the promotion"}
