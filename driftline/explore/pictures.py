"""The pictures of an exploration."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from driftline.explore.exploration import Exploration
from driftline.pages.charts import bars, heatmap, tall
from driftline.pages.picture import Picture, Theme, plain

MOST_CLASSES = 30
MOST_COLUMNS = 40
# Distributions drawn, of the columns that are most worth seeing.
MOST_SHAPES = 12


def class_balance(found: Exploration) -> Picture | None:
    """Rows of each class."""
    truth = found.truth
    if truth is None:
        return None
    names, counts = truth.names[:MOST_CLASSES], truth.counts[:MOST_CLASSES]
    more = len(truth.names) - len(names)
    says = "Rows of each class" + (f"; {more} rarer classes are not drawn" if more else "") + "."

    def draw(figure: Any, theme: Theme) -> None:
        bars(figure, theme, names, counts, title="Class balance", unit="rows", form=",.0f")

    return Picture("class-balance", says, draw, height=tall(len(names)))


def correlation(found: Exploration) -> Picture | None:
    """The matrix of the columns that correlate with any other most."""
    pairs = found.correlation
    if pairs is None:
        return None
    strength = np.nan_to_num(np.abs(pairs.matrix - np.eye(len(pairs.names)))).max(axis=1)
    chosen = np.sort(np.argsort(-strength, kind="stable")[:MOST_COLUMNS])
    names = [pairs.names[i] for i in chosen]
    says = f"Pearson's correlation of {len(names)} numeric features: red rise together, blue move against each other."

    def draw(figure: Any, theme: Theme) -> None:
        matrix = pairs.matrix[np.ix_(chosen, chosen)]
        heatmap(
            figure, theme, matrix, names, names,
            title="Correlation of numeric features", unit="r", low=-1, high=1, diverging=True,
        )  # fmt: skip

    return Picture("correlation", says, draw, height=tall(len(names), 0.22, 3.2))


def drift(found: Exploration) -> Picture | None:
    """Population stability index of each feature in each segment."""
    seen = found.drift
    if seen is None or not seen.names:
        return None
    order = np.argsort(-seen.psi.max(axis=1), kind="stable")[:MOST_COLUMNS]
    labelled = bool(np.isfinite(seen.label_psi).any())
    names = [*(["(the label)"] if labelled else []), *(seen.names[j] for j in order)]
    values = np.vstack([*([seen.label_psi] if labelled else []), seen.psi[order]])
    says = (
        f"Population stability index of each part of the file against its first {seen.starts[1]:,} rows, the most "
        "drifted features first. From 0.25 on (the darkest, in dark mode the brightest, colour is 1 or more) it is "
        "another population."
    )

    def draw(figure: Any, theme: Theme) -> None:
        columns = [f"{start:,}" for start in seen.starts[:-1]]
        heatmap(
            figure, theme, values, names, columns,
            title="Drift over the file", unit="PSI against the first part", x="part of the file, by its first row",
        )  # fmt: skip

    return Picture("drift", says, draw, height=tall(len(names), 0.25, 2.8))


def label_shares(found: Exploration) -> Picture | None:
    """The share of each class in each segment."""
    seen, truth = found.drift, found.truth
    if seen is None or truth is None or not len(seen.classes):
        return None
    names, values = seen.classes[:MOST_CLASSES], 100 * seen.shares[:MOST_CLASSES]
    says = "Share of rows that carry each class, in each part of the file."

    def draw(figure: Any, theme: Theme) -> None:
        columns = [f"{start:,}" for start in seen.starts[:-1]]
        top = float(np.nanmax(values, initial=0.0)) or 1.0
        heatmap(
            figure, theme, values, names, columns,
            title="Classes over the file", unit="% of rows", high=top, form=".1f",
            x="part of the file, by its first row",
        )  # fmt: skip

    return Picture("label-shares", says, draw, height=tall(len(names), 0.3))


def missing(found: Exploration) -> Picture | None:
    """The share of missing cells, of the columns that have any."""
    gaps = sorted((c for c in found.columns if c.missing), key=lambda column: -column.missing)[:MOST_COLUMNS]
    if not gaps:
        return None

    def draw(figure: Any, theme: Theme) -> None:
        shares = [100 * column.missing / found.rows for column in gaps]
        bars(figure, theme, [c.name for c in gaps], shares, title="Missing values", unit="% of rows", form=".1f")

    return Picture("missing", "Share of rows without a value, by column.", draw, height=tall(len(gaps)))


def shapes(found: Exploration) -> Picture | None:
    """Histograms: drifted columns and those with tails first."""
    numeric = [c for c in found.features if c.kind == "numeric" and c.distinct > 1]
    if not numeric:
        return None
    strong = {found.drift.names[j]: -i for i, j in enumerate(found.drift.drifted)} if found.drift else {}
    numeric.sort(key=lambda c: (c.outliers is None or c.outliers.suggests is None, -strong.get(c.name, -999)))
    chosen = numeric[:MOST_SHAPES]
    lines = -(-len(chosen) // 4)

    def draw(figure: Any, theme: Theme) -> None:
        axes = figure.subplots(lines, 4, squeeze=False).ravel()
        for axis, column in zip(axes, chosen, strict=False):
            assert column.numbers is not None
            values = column.numbers[~np.isnan(column.numbers)]
            axis.hist(values, bins=min(40, max(column.distinct, 2)), color=theme.series[0])
            axis.set_yscale("symlog", linthresh=1)
            axis.set_ylim(0, None)
            axis.set_title(plain(column.name), fontsize=9)
            axis.tick_params(labelsize=7)
            axis.locator_params(axis="x", nbins=4)
        for axis in axes[len(chosen) :]:
            axis.set_visible(False)
        figure.supylabel("rows (logarithmic)", fontsize=9, color=theme.soft)

    says = f"Distribution of {len(chosen)} of {len(numeric)} numeric features, those with heavy tails or drift first."
    return Picture("distributions", says, draw, height=1.0 + 1.5 * lines)


def all_pictures(found: Exploration) -> Iterator[Picture]:
    """Every picture that this file has something for."""
    for make in (class_balance, missing, shapes, correlation, drift, label_shares):
        if (picture := make(found)) is not None:
            yield picture
