"""The charts that several pages draw: heatmaps and bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftline.pages.picture import Theme, plain

# Cells of a heatmap up to which each carries its number.
NUMBERED = 150


def heatmap(
    figure: Any,
    theme: Theme,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    unit: str,
    low: float = 0.0,
    high: float = 1.0,
    diverging: bool = False,
    form: str = ".2f",
    x: str = "",
    y: str = "",
) -> None:
    """Values [rows, columns] as colours between `low` and `high`; NaN is left blank."""
    axis = figure.subplots()
    colours = theme.diverging if diverging else theme.sequential
    image = axis.imshow(values, aspect="auto", cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axis.set_xticks(
        range(len(columns)),
        [plain(name, 18) for name in columns],
        rotation=90 if len(columns) > 12 else 30,
        ha="center",
    )
    axis.set_yticks(range(len(rows)), [plain(name) for name in rows])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    if values.size <= NUMBERED:
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                axis.text(j, i, format(value, form), ha="center", va="center", fontsize=8, color="w" if dark else "k")
    axis.set_title(title)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    bar = figure.colorbar(image, ax=axis, pad=0.015, fraction=0.04)
    bar.set_label(unit)
    bar.outline.set_visible(False)


def bars(
    figure: Any,
    theme: Theme,
    names: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    unit: str,
    errors: Sequence[float] | None = None,
    form: str = ",.3g",
) -> None:
    """Horizontal bars, the first on top, each with its value."""
    axis = figure.subplots()
    places = np.arange(len(names))
    axis.barh(
        places, values, color=theme.series[0], height=0.72, xerr=errors, error_kw={"ecolor": theme.soft, "lw": 1.1}
    )
    axis.set_yticks(places, [plain(name, 30) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    ends = [value + (errors[i] if errors is not None and value >= 0 else 0.0) for i, value in enumerate(values)]
    span = max([*ends, 0.0]) - min([*values, 0.0]) or 1.0
    for place, value, end in zip(places, values, ends, strict=True):
        axis.text(max(end, 0.0) + span * 0.01, place, format(value, form), va="center", fontsize=8, color=theme.soft)
    axis.set_xlim(min([*values, 0.0]) - (span * 0.03 if min([*values, 0.0]) < 0 else 0), max([*ends, 0.0]) + span * 0.1)
    axis.grid(axis="x")
    axis.axvline(0, color=theme.soft, lw=0.8)
    axis.set_title(title)
    axis.set_xlabel(unit)


def paired_bars(
    figure: Any,
    theme: Theme,
    names: Sequence[str],
    before: Sequence[float],
    after: Sequence[float],
    *,
    title: str,
    unit: str,
    labels: tuple[str, str],
) -> None:
    """Two horizontal bars a name, the first name on top: shares or rates, 0 to 1, then and now."""
    axis = figure.subplots()
    places = np.arange(len(names))
    for values, label, colour, shift in zip((before, after), labels, theme.series, (-0.2, 0.2), strict=False):
        axis.barh(places + shift, values, color=colour, height=0.4, label=label)
    axis.set_yticks(places, [plain(name, 30) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.grid(axis="x")
    axis.set_title(title)
    axis.set_xlabel(unit)
    # Above the bars, where no bar can lie under it.
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)


def tall(rows: int, each: float = 0.27, least: float = 2.4, most: float = 14.0) -> float:
    """Height in inches of a picture of so many rows."""
    return float(np.clip(1.3 + rows * each, least, most))
