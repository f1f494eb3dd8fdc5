"""The page of a period, and its picture."""

from datetime import UTC, datetime
from typing import Any, cast

import numpy as np

from driftline.drifts.case import Case
from driftline.pages.page import Cell, Page, Tone
from driftline.pages.picture import Picture, Theme
from driftline.period.facts import Facts, to_watch
from driftline.watch.telling import tell


def when(epoch_ms: int) -> str:
    """'2026-03-01 14:05'."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def period_page(found: Facts) -> Page:
    """What happened, why, what it cost, what to watch."""
    page = Page(f"{found.stream}: {when(found.start)} to {when(found.end)}", f"Times are UTC. {headline(found)}")
    if len(found.answers.right):
        page.picture(accuracy_picture(found))
        rows: list[list[Cell]] = [[str(version), n, f"{share:.1%}"] for version, n, share in found.by_version]
        page.table(["version", "labelled answers", "right"], rows)
    page.section("What happened, and why")
    if not found.cases:
        page.paragraph("No drift was told.")
    for case in found.cases:
        page.findings([(tone_of(case), f"{when(case.opened_at)}: {case.event.summary}")])
        page.table(["", ""], [[name, text] for name, text in case_rows(case)])
    page.section("What was done")
    done = [(v.at, tell(v)) for v in found.verdicts]
    done += [(v.at, tell(v)) for v in found.swaps if v not in found.verdicts]
    page.table(["when", "what"], [[when(at), text] for at, text in sorted(done)])
    if not done:
        page.paragraph("No version changed, and none was trained.")
    page.section("What it cost")
    page.table(
        ["", ""],
        [
            ["retrainings asked for", str(len(found.jobs))],
            ["of these with a new or recalled version", str(sum(v.kind.changes_champion for v in found.verdicts))],
            ["seconds from job to verdict, together", f"{found.training_seconds:,.0f}"],
            ["records refused", f"{sum(found.dead.values()):,}"],
        ],
    )
    if found.dead:
        page.table(["reason", "records"], [[reason, count] for reason, count in found.dead.most_common()])
    page.section("What to watch")
    page.findings([(cast(Tone, tone), text) for tone, text in to_watch(found)])
    return page


def headline(found: Facts) -> str:
    """One sentence of the whole."""
    accuracy = "no label has come" if found.accuracy is None else f"{found.accuracy:.1%} right where labels came"
    return (
        f"{found.answered:,} records answered, {accuracy}; {_times(len(found.cases), 'drift')}, "
        f"{_times(len(found.jobs), 'retraining')}, {_times(len(found.swaps), 'change')} of the version in service."
    )


def tone_of(case: Case) -> Tone:
    """How grave it is now."""
    if case.standing:
        return "bad" if case.event.severity == "alarm" else "warn"
    return "good"


def case_rows(case: Case) -> list[tuple[str, str]]:
    """What is known of one drift, line by line."""
    event = case.event
    onset = when(event.onset.event_time) if event.onset.event_time else "unknown"
    rows = [
        ("kind", f"{event.kind.value}, {event.severity}" + (f", {event.shape}" if event.shape else "")),
        ("since", f"{onset}, record {event.onset.record_id}"),
    ]
    before, after = event.evidence.get("error_before"), event.evidence.get("error_after")
    if before is not None and after is not None:
        rows.append(("error", f"{before:.1%} → {after:.1%}"))
    for title, parts in (("features", event.features), ("classes", event.classes), ("devices", event.devices)):
        if parts:
            rows.append((title, "; ".join(_blame(part) for part in parts[:5])))
    for job in case.jobs:
        rows.append(("asked for", f"{when(job.requested_at)}: {tell(job)}"))
    for verdict in case.verdicts:
        rows.append(("came of it", f"{when(verdict.at)}: {tell(verdict)}"))
    state = "stands" if case.standing else f"over ({event.closed_because})"
    return [*rows, ("now", state)]


def accuracy_picture(found: Facts) -> Picture:
    """Accuracy over the period, with drifts and changes of version on the line."""
    times, values = found.line()

    def draw(figure: Any, theme: Theme) -> None:
        axis = figure.subplots()
        axis.plot(_dates(times), values, color=theme.series[0], lw=2)
        for case in found.cases:
            axis.axvline(_dates([case.opened_at])[0], color=theme.series[1], lw=1.2)
        for swap in found.swaps:
            axis.axvline(_dates([swap.at])[0], color=theme.series[2], lw=1.2, ls="--")
        axis.set_ylim(0, 1.02)
        axis.grid(axis="y")
        axis.set_title("Share of right answers")
        handles = [
            axis.plot([], [], color=theme.series[1], label="drift told")[0],
            axis.plot([], [], color=theme.series[2], ls="--", label="version changed")[0],
        ]
        axis.legend(handles=handles, loc="lower left")

    said = f"Share of right answers from {when(found.start)} to {when(found.end)}: from {values[0]:.0%}"
    said += (
        f" by way of {np.min(values):.0%} at the lowest to {values[-1]:.0%}; {_times(len(found.cases), 'drift')} and "
    )
    said += f"{_times(len(found.swaps), 'change')} of version are marked."
    return Picture("accuracy", said, draw)


def _dates(times: Any) -> list[datetime]:
    return [datetime.fromtimestamp(int(t) / 1000, UTC) for t in times]


def _blame(part: Any) -> str:
    name = getattr(part, "feature", None) or part.name
    return f"{name} ({part.detail})" if part.detail else str(name)


def _times(n: int, what: str) -> str:
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"
