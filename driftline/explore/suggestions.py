"""What a specification would say about this file, line by line, each with its reason."""

import json
import shlex
from collections.abc import Iterator

from driftline.explore.correlation import STRONG
from driftline.explore.exploration import Exploration
from driftline.explore.outliers import CLIPPED

# A class this much rarer than the most frequent one is answered by nobody unless it is counted more.
IMBALANCE = 10
MOST = 40


def suggestions(found: Exploration) -> list[str]:
    """Lines of YAML with comments; a comment only where there is nothing to write."""
    lines: list[str] = []
    for section, found_lines in (("features", list(_features(found))), ("training", list(_training(found)))):
        # A section of comments alone would be an empty one.
        if any(not line.lstrip().startswith("#") for line in found_lines):
            lines.append(f"{section}:")
        lines += found_lines
    return lines


def command(found: Exploration) -> str | None:
    """How `driftline init` would leave out what is suspect; None if nothing is."""
    if not found.suspects:
        return None
    words = ["driftline", "init", found.source]
    if found.truth is not None:
        several = found.truth.multilabel
        for column in found.truth.answers.columns:
            words += ["--multilabel" if several else "--label", column]
    for suspect in found.suspects:
        words += ["--exclude", suspect.name]
    return " ".join(shlex.quote(word) for word in words)


def _features(found: Exploration) -> Iterator[str]:
    told = 0
    suspect = {one.name for one in found.suspects}
    for column in found.features:
        tails = column.outliers
        if tails is None or tails.suggests is None or column.name in suspect or told >= MOST:
            continue
        told += 1
        if tails.suggests == "log":
            reason, field = f"skewness {tails.skewness:.1f}", "transform: log"
        else:
            reason, field = f"reaches {tails.reach:,.0f} interquartile ranges out", f"clip: {CLIPPED}"
        yield f"  - {{name: {_quoted(column.name)}, type: numeric, {field}}}  # {reason}"
    if found.correlation is not None:
        for name, other, r in found.correlation.pairs[:MOST]:
            if abs(r) >= STRONG:
                yield f"  # {_quoted(other)} says what {_quoted(name)} says (r = {r:.3f}): one of them may go"


def _training(found: Exploration) -> Iterator[str]:
    truth = found.truth
    if truth is not None:
        counts = [count for count in truth.counts if count]
        others = int(truth.known.sum()) - counts[-1] if truth.multilabel and counts else (counts[0] if counts else 0)
        if counts and others > IMBALANCE * counts[-1]:
            rarest = truth.names[len(counts) - 1]
            yield f"  monitor: f1  # class {_quoted(rarest)} has {counts[-1]:,} rows of {truth.known.sum():,}"
            yield "  imbalance: {method: class-weights}"
    if found.drift is not None and found.drift.steps:
        yield f"  # the world steps at row {found.drift.steps[-1]:,}: `driftline train` with --start-row from there on"


def _quoted(name: str) -> str:
    """A name from the file as YAML takes it, in one line whatever is in it."""
    return json.dumps(name, ensure_ascii=False).replace("\x85", "\\x85").replace("\u2028", " ").replace("\u2029", " ")
