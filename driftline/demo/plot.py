"""The picture of a run: accuracy over the stream, with what happened marked on it."""

from pathlib import Path
from typing import Any

from driftline.demo.report import Course, rolling
from driftline.demo.story import CHANGES

WINDOW = 150


def draw(path: Path, run: Course, report: dict[str, Any], job_rows: list[int]) -> None:
    """Write the plot as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(11, 5), dpi=130)
    axis.plot(run.rows, rolling(run.static, WINDOW), color="#9aa5b1", lw=1.6, label="the first model alone")
    axis.plot(run.rows, rolling(run.correct, WINDOW), color="#0b6e4f", lw=2.4, label="driftline's loop")
    for change in CHANGES:
        axis.axvline(change, color="#b00020", lw=1.2)
        axis.text(change + 12, 0.03, f"the world changes\n(row {change:,})", color="#b00020", fontsize=8)
    alarms = [event for event in report["drift_events"] if event["severity"] == "alarm" and event["row"] is not None]
    _marks(
        axis, [event["row"] for event in alarms if event["kind"] == "data"], "#8e44ad", "v", 1.055, "data-drift alarm"
    )
    _marks(
        axis,
        [event["row"] for event in alarms if event["kind"] == "concept"],
        "#d35400",
        "v",
        1.055,
        "concept-drift alarm",
    )
    _marks(axis, job_rows, "#2471a3", "s", 1.02, "retraining asked for")
    swaps = [
        (promotion["first_row"], promotion["version"]) for promotion in report["promotions"] if promotion["first_row"]
    ]
    for row, version in swaps:
        axis.axvline(row, color="#0b6e4f", lw=1, ls="--")
        axis.text(row + 12, 0.16, f"version {version}\nanswers", color="#0b6e4f", fontsize=8)
    accuracy = report["accuracy"]
    axis.set_title(
        f"Insects by their wing beats: {accuracy['loop']:.1%} right with the loop, "
        f"{accuracy['static_model']:.1%} without",
        loc="left",
        fontsize=12,
    )
    axis.set_xlabel("row of the stream")
    axis.set_ylabel(f"accuracy over the last {WINDOW} labelled records")
    axis.set_ylim(0, 1.09)
    axis.set_xlim(int(run.rows.min()), int(run.rows.max()))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.25)
    axis.legend(loc="lower left", bbox_to_anchor=(0.0, 0.28), frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def _marks(axis: Any, rows: list[int], color: str, marker: str, height: float, label: str) -> None:
    if rows:
        axis.plot(rows, [height] * len(rows), marker, color=color, ms=7, label=label, clip_on=False)
