"""Outcomes as tables: figures of each scenario and stream, means over the streams, and the same as Markdown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.drift.scoring import Score, mean, score
from benchmarks.drift.trials import Outcome

_FIGURES = tuple(name for name in Score.__dataclass_fields__ if name != "outside")
_BY_STREAM = ("f1", "episode_recall", "delay", "missed", "false_alarms", "false_per_1000", "clean_per_million")
_SHOWN = {
    "f1": "F1",
    "f1_once": "F1, once a window",
    "episode_recall": "episode recall",
    "delay": "mean delay",
    "missed": "missed",
    "false_per_1000": "false alarms per 1,000",
    "false_per_1000_as_published": "as published",
    "clean_per_million": "per 10⁶ clean",
    "mtfa": "MTFA",
}


def table(outcomes: Sequence[Outcome], max_delays: Mapping[str, int]) -> dict[str, Any]:
    """Scores of each (scenario, stream, watcher), and their means over the streams.

    Parameters
    ----------
    max_delays : the window of each source.
    """
    groups: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.variant.name, outcome.source, outcome.watcher].append(outcome)
    scores = {
        key: score([outcome.episode for outcome in group], max_delays[key[1]]) for key, group in sorted(groups.items())
    }
    means: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for (scenario, _, watcher), one in scores.items():
        means[scenario, watcher].append(one)
    effects: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for (scenario, source, _), group in groups.items():
        effects[scenario, source] = [(outcome.error_before, outcome.error_after) for outcome in group]
    return {
        "columns": ["scenario", "stream", "watcher", *_BY_STREAM],
        "streams": [[*key, *_figures(one.plain(), _BY_STREAM)] for key, one in scores.items() if " 1 " in key[0]],
        "means_columns": ["scenario", "watcher", *_FIGURES],
        "means": [[*key, *_figures(mean(group))] for key, group in sorted(means.items())],
        "effects_columns": ["scenario", "stream", "error_before", "error_after", "rises_by_0.02", "falls_by_0.02"],
        "effects": [[*key, *_effect(pairs)] for key, pairs in sorted(effects.items())],
    }


def markdown(tables: Mapping[str, Any], only: str = "") -> str:
    """The means as Markdown, a table for each scenario whose name contains `only`, best F1 first."""
    place = {name: tables["means_columns"].index(name) for name in tables["means_columns"]}
    lines: list[str] = []
    for scenario in sorted({row[0] for row in tables["means"]}):
        if only not in scenario:
            continue
        lines += [f"\n### {scenario}\n", "| watcher | " + " | ".join(_SHOWN.values()) + " |", "|---" * 10 + "|"]
        rows = [row for row in tables["means"] if row[0] == scenario]
        for row in sorted(rows, key=lambda row: -row[place["f1"]]):
            lines.append("| " + " | ".join([row[1], *(_shown(row[place[name]]) for name in _SHOWN)]) + " |")
    return "\n".join(lines)


def _figures(figures: Mapping[str, Any], names: Sequence[str] = _FIGURES) -> list[Any]:
    return [_rounded(figures[name]) for name in names]


def _effect(pairs: Sequence[tuple[float, float]]) -> list[Any]:
    before, after = np.array(pairs).T
    rise = after - before
    return [_rounded(float(v)) for v in (before.mean(), after.mean(), (rise >= 0.02).mean(), (rise <= -0.02).mean())]


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) and abs(value) < 10 else f"{value:,.0f}"
