"""The page of an exploration."""

from driftline.explore import pictures
from driftline.explore.drift import BINS, MAJOR
from driftline.explore.exploration import Exploration
from driftline.explore.findings import findings
from driftline.explore.suggestions import command, suggestions
from driftline.pages.page import Cell, Page
from driftline.pages.picture import Picture


def page_of(found: Exploration) -> Page:
    """Everything that was found, the gravest first."""
    kinds = {kind: sum(c.kind == kind for c in found.columns) for kind in ("numeric", "categorical", "text")}
    features = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count) or "none"
    page = Page(f"Exploring {found.source}", f"{found.rows:,} rows; features: {features}.")
    page.findings(findings(found))
    if found.sample < found.rows:
        page.section(
            "Sampling",
            f"Correlations, and how well a column alone tells the label, are of {found.sample:,} rows drawn "
            f"at random (seed 1) from {found.rows:,}. Types, missing values, outliers, classes, copies and drift are "
            "of all rows.",
        )
    _suggestions(page, found)
    _label(page, found)
    _leakage(page, found)
    _drift(page, found)
    _columns(page, found)
    return page


def _suggestions(page: Page, found: Exploration) -> None:
    lines, leave_out = suggestions(found), command(found)
    if not lines and not leave_out:
        return
    page.section("What a specification might say", "Suggestions, not findings: each names its reason.")
    if leave_out:
        page.code(leave_out)
    if lines:
        page.code("\n".join(lines))


def _label(page: Page, found: Exploration) -> None:
    truth = found.truth
    if truth is None:
        return
    what = f"{truth.answers.task}, {len(truth.names)} classes, in column " + ", ".join(truth.answers.columns[:12])
    page.section("Label", what, *found.notes)
    _picture(page, pictures.class_balance(found))


def _leakage(page: Page, found: Exploration) -> None:
    if found.truth is None:
        return
    page.section(
        "Leakage",
        "How well each column alone tells the label, learnt on one half of the rows and measured on the other. "
        "Information is what it shares with the label, as a share of what there is to know. Near 1 asks: was "
        "this known before the label was?",
    )
    ranked = sorted(found.alone, key=lambda one: -one.auc if one.auc == one.auc else 1.0)
    best = found.truth.multilabel
    header = ["column", "AUC alone", "information", *(["told best"] if best else [])]
    rows: list[list[Cell]] = [[one.name, one.auc, one.information, *([one.best] if best else [])] for one in ranked]
    page.table(header, rows, most=25)


def _drift(page: Page, found: Exploration) -> None:
    drift = found.drift
    if drift is None:
        return
    page.section(
        "Drift over time",
        f"The file in its order, in {len(drift.starts) - 1} parts, each compared with the first by the population "
        f"stability index over {BINS} quantile bins. A feature counts as drifted from {MAJOR} on, or from what chance "
        "brings to parts this short, if that is more.",
    )
    _picture(page, pictures.drift(found))
    _picture(page, pictures.label_shares(found))
    rows: list[list[Cell]] = [
        [drift.names[j], float(drift.psi[j].max()), f"{drift.starts[drift.first(j)]:,}", float(drift.limit[j])]
        for j in drift.drifted
    ]
    page.table(["feature", "largest PSI", "drifted from row", "limit"], rows, most=25)


def _columns(page: Page, found: Exploration) -> None:
    page.section("Columns")
    rows: list[list[Cell]] = [
        [c.name, c.kind, c.distinct, c.missing, f"{c.missing / found.rows:.1%}", "; ".join(c.notes)]
        for c in found.columns
    ]
    page.table(["column", "type", "distinct", "missing", "", "notes"], rows, most=300)
    _picture(page, pictures.missing(found))
    page.section(
        "Numbers and outliers",
        "Outliers lie more than 1.5 interquartile ranges outside the quartiles (Tukey's fences), far ones more than 3. "
        "`log` is suggested for a skewed column whose logarithm is less than half as skewed, `clip` for a column with "
        "single values very far out.",
    )
    numbers: list[list[Cell]] = [
        [c.name, o.low, o.median, o.high, o.skewness, f"{o.beyond:.1%}", f"{o.far:.1%}", o.suggests or ""]
        for c in found.features
        if (o := c.outliers) is not None
    ]
    page.table(["feature", "least", "median", "most", "skewness", "outliers", "far out", "suggests"], numbers, most=200)
    _picture(page, pictures.shapes(found))
    if found.correlation is not None:
        page.section("Correlation", *_left_out(found.correlation.left_out))
        _picture(page, pictures.correlation(found))
        page.table(["feature", "and", "r"], found.correlation.pairs, "The strongest pairs.")


def _left_out(columns: int) -> list[str]:
    return [f"The last {columns} numeric features are not compared."] if columns else []


def _picture(page: Page, picture: Picture | None) -> None:
    if picture is not None:
        page.picture(picture)
