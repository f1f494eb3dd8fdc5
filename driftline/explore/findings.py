"""The sentences that matter, the gravest first: for the terminal, and for the head of the page."""

from collections.abc import Iterator, Sequence

from driftline.explore.correlation import STRONG
from driftline.explore.exploration import Exploration
from driftline.pages.page import Tone, shown

Finding = tuple[Tone, str]
# Columns named in one sentence; the page's tables have the rest.
NAMED = 6
RARE = 0.05


def findings(found: Exploration) -> list[Finding]:
    """What a person should know before training on this file."""
    return [*_leaks(found), *_drift(found), *_label(found), *_columns(found)]


def _leaks(found: Exploration) -> Iterator[Finding]:
    for suspect in found.suspects:
        grave = suspect.kind in ("copy", "predictor")
        yield ("bad" if grave else "warn", f'leakage? column "{shown(suspect.name)}" {suspect.says}')
    if found.repeated:
        yield (
            "warn",
            f"{found.repeated:,} of {found.rows:,} rows repeat an earlier one: copies on both sides of a split let a "
            "model recite",
        )
    if found.contradicting:
        yield "warn", f"{found.contradicting:,} rows have the features of another row and a different label"


def _drift(found: Exploration) -> Iterator[Finding]:
    drift = found.drift
    if drift is None:
        yield "plain", f"drift: {found.rows:,} rows are too few to be compared part by part"
        return
    moved = drift.drifted
    if moved:
        names = [f"{drift.names[j]} (PSI {drift.psi[j].max():.2f})" for j in moved]
        earliest = min(drift.first(j) for j in moved)
        yield (
            "bad" if len(moved) > len(drift.names) / 4 else "warn",
            f"drift: {len(moved)} of {len(drift.names)} features leave the first {drift.starts[1]:,} rows behind, from "
            f"rows {drift.starts[earliest]:,}–{drift.starts[earliest + 1] - 1:,} on: {_some(names)}",
        )
    if drift.steps:
        rows = ", ".join(f"{row:,}" for row in drift.steps)
        yield "warn", f"drift: a step near row {rows} (counted from 0)"
    if drift.label_drifted:
        yield "warn", f"drift: the classes' shares change over the file (PSI {max(drift.label_psi):.2f})"
    if not moved and not drift.label_drifted:
        yield "good", f"drift: none found between {len(drift.starts) - 1} parts of the file"


def _label(found: Exploration) -> Iterator[Finding]:
    truth = found.truth
    if truth is None:
        yield "warn", f"no label: {found.no_label}"
        return
    known = int(truth.known.sum())
    if found.rows > known:
        yield "warn", f"{found.rows - known:,} of {found.rows:,} rows have no label"
    rare = [
        f"{shown(name)} ({count / known:.1%})"
        for name, count in zip(truth.names, truth.counts, strict=True)
        if known and count < RARE * known
    ]
    if rare:
        yield "warn", f"rare classes: {_some(rare[::-1])}"
    if known and not truth.multilabel:
        name, count = truth.names[0], truth.counts[0]
        yield "plain", f"always answering {shown(name)!r} would be right in {count / known:.1%} of the rows"


def _columns(found: Exploration) -> Iterator[Finding]:
    empty = [shown(column.name) for column in found.columns if column.missing == found.rows]
    if empty:
        yield "warn", f"columns without any value: {_some(empty)}"
    gaps = sorted(
        (column for column in found.features if 0 < column.missing < found.rows), key=lambda column: -column.missing
    )
    if gaps:
        named = [f"{shown(column.name)} ({column.missing / found.rows:.1%})" for column in gaps]
        yield "plain", f"missing values in {len(gaps)} of {len(found.features)} features: {_some(named)}"
    heavy = [shown(c.name) for c in found.features if c.outliers and c.outliers.suggests == "log"]
    if heavy:
        yield "warn", f"heavy tails, `transform: log`: {_some(heavy)}"
    spiky = [shown(c.name) for c in found.features if c.outliers and c.outliers.suggests == "clip"]
    if spiky:
        yield "warn", f"outliers far out, `clip`: {_some(spiky)}"
    if found.correlation is not None:
        same = [f"{a} and {b} ({r:+.2f})" for a, b, r in found.correlation.pairs if abs(r) >= STRONG]
        if same:
            yield "plain", f"features that say the same: {_some(same)}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
