"""The pictures of a backtest's page."""

from typing import Any

import numpy as np

from driftline.backtest.comparison import Compared
from driftline.backtest.course import Course, curve
from driftline.pages.charts import bars, tall
from driftline.pages.picture import Picture, Theme, plain

# Beside colours, so that neighbours of a long legend are told apart: a style for each four.
_STYLES = ("-", "--", ":", "-.")


def over_the_stream(compared: Compared, figure_name: str, suffix: str) -> Picture:
    """Accuracy or kappa of each strategy along the stream; known changes as dotted lines."""
    curves = {name: curve(course) for name, course in compared.courses.items()}

    def draw(figure: Any, theme: Theme) -> None:
        axis = figure.subplots()
        for i, (name, line) in enumerate(curves.items()):
            axis.plot(
                line.rows,
                getattr(line, figure_name),
                color=theme.series[i % len(theme.series)],
                ls=_STYLES[i // 4 % len(_STYLES)],
                lw=2.2 if compared.advice is not None and name == compared.advice.strategy else 1.4,
                label=plain(name, 40),
            )
        _known(axis, compared, theme)
        axis.set(xlabel="row", ylabel=figure_name)
        axis.set_title(f"{figure_name.capitalize()} over the stream")
        axis.grid()
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=4)

    known = " Dotted lines: the known changes." if compared.plan.drift_at else ""
    says = (
        f"{figure_name.capitalize()} of the newest answers at each row; the thick line is the recommended one.{known}"
    )
    return Picture(f"{figure_name}{suffix}", says, draw, height=4.2 + 0.22 * (len(curves) // 4))


def events(compared: Compared, suffix: str) -> Picture | None:
    """Alarms, their onsets and what came of the trainings, a line for each strategy."""
    shown = {name: course for name, course in compared.courses.items() if course.alarms or course.changes}
    if not shown:
        return None

    def draw(figure: Any, theme: Theme) -> None:
        axis = figure.subplots()
        for place, course in enumerate(shown.values()):
            _events(axis, place, course, theme)
        _known(axis, compared, theme)
        axis.set_yticks(range(len(shown)), [plain(name, 30) for name in shown])
        axis.set_ylim(len(shown) - 0.4, -0.6)
        axis.set_xlim(compared.plan.start, max(int(course.rows[-1]) for course in shown.values()) + 1)
        axis.tick_params(axis="y", length=0)
        axis.set_xlabel("row")
        axis.set_title("Alarms, onsets and trainings")
        handles, labels = axis.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))
        figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=5)

    says = "When each strategy said that the world had changed, since when, and when another model was in service."
    return Picture(f"events{suffix}", says, draw, height=tall(len(shown), each=0.42, least=2.8))


def cost(compared: Compared, suffix: str) -> Picture | None:
    """Training seconds of each strategy that trains."""
    shown = {name: course.training_seconds for name, course in compared.courses.items() if course.changes}
    if not shown:
        return None

    def draw(figure: Any, theme: Theme) -> None:
        bars(
            figure, theme, list(shown), list(shown.values()), form=",.1f",
            title="Cost", unit="seconds of training on this machine",
        )  # fmt: skip

    says = "Seconds that the answers to all retraining jobs took, recalls among them."
    return Picture(f"cost{suffix}", says, draw, height=tall(len(shown)))


def _events(axis: Any, place: int, course: Course, theme: Theme) -> None:
    lift = 0.16
    said = [alarm.row for alarm in course.alarms]
    onsets = [alarm.onset_row for alarm in course.alarms if alarm.onset_row is not None]
    axis.scatter(onsets, np.full(len(onsets), place - lift), marker="|", s=70, color=theme.series[4], label="onset")
    axis.scatter(said, np.full(len(said), place - lift), marker="v", s=30, color=theme.series[1], label="alarm")
    for kinds, marker, colour, name in (
        (("promoted",), "o", theme.series[2], "new model"),
        (("recalled", "rolled-back"), "s", theme.series[0], "recalled"),
        (("refused", "failed"), "x", theme.series[6], "refused or failed"),
    ):
        rows = [change.row for change in course.changes if change.kind in kinds]
        axis.scatter(rows, np.full(len(rows), place + lift), marker=marker, s=30, color=colour, label=name)


def _known(axis: Any, compared: Compared, theme: Theme) -> None:
    for row in compared.plan.drift_at:
        axis.axvline(row, color=theme.soft, lw=1.1, ls=":")
