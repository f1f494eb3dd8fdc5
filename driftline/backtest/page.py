"""The page of a backtest."""

from driftline.backtest import pictures
from driftline.backtest.comparison import Compared, Run
from driftline.pages.page import Cell, Page


def page_of(run: Run) -> Page:
    """The recommendation first, then the figures, then what happened."""
    plan = next(iter(run.by_delay.values())).plan
    page = Page(
        f"Backtest of {run.source}",
        f"{run.records:,} records; the first {plan.start:,} train the first model, the rest are answered one after "
        f"another before their labels are known. {run.seconds:.0f} s.",
    )
    for delay, compared in run.by_delay.items():
        if compared.advice is not None:
            page.findings(
                [
                    ("good", f"Labels {delay:,} records later, take {compared.advice.reason}."),
                    *(("warn", f"{warning}.") for warning in compared.advice.warnings),
                ]
            )
    for delay, compared in run.by_delay.items():
        _strategies(page, delay, compared)
    page.section("How it was done", *_how(run), *run.notes)
    return page


def _strategies(page: Page, delay: int, compared: Compared) -> None:
    page.section(f"Labels {delay:,} records later")
    found = compared.detections
    header = ["strategy", "accuracy", "kappa", "trainings", "refused", "recalls", "training s", "alarms"]
    if found:
        header += ["changes found", "delay", "missed", "false alarms"]
    rows: list[list[Cell]] = []
    for name, course in compared.courses.items():
        row: list[Cell] = [
            name, round(course.accuracy, 4), round(course.kappa, 4), course.retrainings, course.count("refused"),
            course.count("recalled"), round(course.training_seconds, 1), len(course.alarms),
        ]  # fmt: skip
        if found:
            one = found[name]
            row += [one.detected, one.delay_median, one.missed, one.false_alarms]
        rows.append(row)
    page.table(header, rows)
    suffix = f"-{delay}"
    page.picture(pictures.over_the_stream(compared, "accuracy", suffix))
    page.picture(pictures.over_the_stream(compared, "kappa", suffix))
    for picture in (pictures.events(compared, suffix), pictures.cost(compared, suffix)):
        if picture is not None:
            page.picture(picture)
    if compared.advice is not None:
        _recommended(page, compared, compared.advice.strategy)


def _recommended(page: Page, compared: Compared, name: str) -> None:
    course = compared.courses[name]
    if course.settings:
        page.code("\n".join(f"{key}: {value}" for key, value in course.settings.items()))
    alarms: list[list[Cell]] = [
        [f"{a.row:,}", "–" if a.onset_row is None else f"{a.onset_row:,}", a.kind, ", ".join(a.features[:6])]
        for a in course.alarms
    ]
    page.table(["row", "onset", "kind", "features"], alarms, f"Alarms of {name}.")
    changes: list[list[Cell]] = [
        [f"{c.asked:,}", f"{c.row:,}", c.kind, c.rows, round(c.seconds, 1), "; ".join(c.reasons)]
        for c in course.changes
    ]
    page.table(["asked at", "answered at", "what", "labelled", "seconds", "reasons"], changes, f"Models of {name}.")


def _how(run: Run) -> list[str]:
    plan = next(iter(run.by_delay.values())).plan
    takes = (
        f"as many records as its seconds on this machine times {plan.rate:g}"
        if plan.training_takes is None
        else f"{plan.training_takes:,} records"
    )
    said = [
        f"A training takes {takes}, during which the stream goes on with the old model. Labels come, models change "
        f"and trainings are asked for every {plan.block} records. Seed {plan.seed}.",
        f"periodic trains every {plan.every:,} records on the newest {plan.window:,} labelled ones. A detector trains "
        "on what comes after its alarm, as soon as there are enough labels; neither recalls.",
    ]
    if plan.drift_at:
        rows = ", ".join(f"{row:,}" for row in plan.drift_at)
        said.append(
            f"Known changes at rows {rows}. An alarm within {plan.within:,} records of one, and before the next, is "
            "its detection; one outside of all is false."
        )
    return said
