"""The pictures of a model card."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from driftline.pages.charts import bars, heatmap, tall
from driftline.pages.picture import Picture, Theme, plain
from driftline.registry.card import Card
from driftline.registry.manifest import Evaluation, Manifest

MOST_CLASSES = 30
MOST_FEATURES = 25


def confusion(manifest: Manifest) -> Picture | None:
    """Answers of each true class, as shares of the class."""
    table = np.array(manifest.verdict.candidate.confusion, dtype=np.float64)
    if table.ndim != 2 or not table.sum():
        return None
    # The classes with most rows, in the order of the specification.
    chosen = np.sort(np.argsort(-table.sum(axis=1), kind="stable")[:MOST_CLASSES])
    rows = table.sum(axis=1, keepdims=True)
    shares = np.divide(100 * table, rows, out=np.full_like(table, np.nan), where=rows > 0)[np.ix_(chosen, chosen)]
    names = [manifest.classes[k] for k in chosen]
    said = [f"{plain(manifest.classes[k], 16)} ({rows[k, 0]:,.0f})" for k in chosen]
    more = f"; the {len(table) - len(chosen)} rarest classes are not drawn" if len(table) > len(chosen) else ""

    def draw(figure: Any, theme: Theme) -> None:
        heatmap(
            figure, theme, shares, said, names,
            title="Confusion matrix", unit="% of the true class", high=100, form=".0f", x="answer", y="truth (rows)",
        )  # fmt: skip

    says = f"What was answered (column) to held-out rows of each true class (line), in percent of the class{more}."
    return Picture("confusion", says, draw, height=tall(len(names), 0.34, 3.2))


def learning(card: Card) -> Picture | None:
    """Loss and validation loss by epoch."""
    if not card.epochs.loss:
        return None

    def draw(figure: Any, theme: Theme) -> None:
        axis = figure.subplots()
        for i, (values, name) in enumerate(
            ((card.epochs.loss, "training rows"), (card.epochs.val_loss, "rows kept back for early stopping"))
        ):
            known = [(epoch, value) for epoch, value in enumerate(values, start=1) if value is not None]
            if known:
                axis.plot(*zip(*known, strict=True), color=theme.series[i], lw=1.8, marker="o", ms=3, label=name)
        axis.axvline(card.epochs.best, color=theme.soft, lw=1, ls="--", label=f"weights kept: epoch {card.epochs.best}")
        axis.locator_params(axis="x", integer=True)
        axis.set_ylim(bottom=0)
        axis.grid(axis="y")
        axis.legend()
        axis.set_title("Learning curves")
        axis.set_xlabel("epoch")
        axis.set_ylabel("loss, mean a row")

    says = "Loss by epoch. Where the lower curve goes on falling and the upper one rises, the network learns by heart."
    return Picture("learning", says, draw, height=3.4)


def curves(card: Card) -> Picture | None:
    """ROC and precision-recall curves, side by side."""
    if not card.curves:
        return None

    def draw(figure: Any, theme: Theme) -> None:
        left, right = figure.subplots(1, 2)
        for i, curve in enumerate(card.curves):
            style = {
                "color": theme.series[i % len(theme.series)],
                "lw": 1.7,
                "ls": "-" if i < len(theme.series) else "--",
                "label": f"{plain(curve.name, 18)} ({curve.rows:,})",
            }
            left.plot(curve.false_positive_rate, curve.recall, **style)
            # A step: between two thresholds precision does not lie on a line (Davis and Goadrich, ICML 2006).
            right.step(curve.recall, curve.precision, where="pre", **style)
        left.plot([0, 1], [0, 1], color=theme.soft, lw=0.9, ls=":", label="chance")
        for axis, title, x, y in (
            (left, "ROC curves", "false positive rate", "true positive rate"),
            (right, "Precision and recall", "recall", "precision"),
        ):
            axis.set(title=title, xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
            axis.grid()
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)

    one = "the positive class" if len(card.curves) == 1 else "each class against the rest"
    says = f"Every threshold on the held-out rows, for {one}; in brackets the class's rows."
    return Picture("curves", says, draw, height=4.4 + 0.2 * (len(card.curves) // 4))


def calibration(card: Card, evaluation: Evaluation) -> Picture | None:
    """Reliability diagram, with how many rows stand behind each point."""
    found = [
        (confidence, right, rows)
        for confidence, right, rows in zip(
            card.calibration.confidence, card.calibration.right, card.calibration.rows, strict=True
        )
        if confidence is not None and right is not None
    ]
    if not found:
        return None
    x, y, rows = (np.array(values, dtype=np.float64) for values in zip(*found, strict=True))
    error = evaluation.calibration_error

    def draw(figure: Any, theme: Theme) -> None:
        top, below = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
        top.plot([0, 1], [0, 1], color=theme.soft, lw=0.9, ls=":", label="honest")
        # Wilson's interval: in a bin of three rows a share says little, and the picture should show it.
        centre = (y + 1.92 / rows) / (1 + 3.84 / rows)
        half = 1.96 * np.sqrt(y * (1 - y) / rows + 0.96 / rows**2) / (1 + 3.84 / rows)
        top.vlines(x, centre - half, centre + half, color=theme.series[0], lw=1.2, alpha=0.6)
        top.plot(x, y, color=theme.series[0], lw=1.6, marker="o", ms=5, label="held-out rows, with 95 % intervals")
        top.set(ylabel="share that was right", ylim=(-0.02, 1.02), xlim=(0, 1.01))
        top.set_title("Calibration" + (f" (expected error {error:.3f})" if error is not None else ""))
        top.legend(loc="upper left")
        top.grid()
        edges = np.linspace(0, 1, len(card.calibration.rows) + 1)
        below.bar(edges[:-1], card.calibration.rows, np.diff(edges), align="edge", color=theme.series[6], ec=theme.back)
        below.set(xlabel="probability that the model gave", ylabel="rows")

    says = "How often the model is right where it is so sure. Above the dotted line it is too modest, below it boasts."
    return Picture("calibration", says, draw, height=4.6)


def importance(card: Card) -> Picture | None:
    """Permutation importance of the most important features."""
    found = card.permutation.features[:MOST_FEATURES]
    if not found:
        return None
    repeats = card.permutation.repeats
    over = f", mean and standard deviation over {repeats} shuffles" if repeats > 1 else ", once shuffled"
    says = (
        f"What shuffling one feature among {card.permutation.rows:,} held-out rows costs in log loss{over}. Of "
        "features that say the same, neither may cost much."
    )

    def draw(figure: Any, theme: Theme) -> None:
        bars(
            figure, theme, [one.name for one in found], [one.log_loss for one in found],
            errors=[one.log_loss_spread for one in found] if repeats > 1 else None, form="+.3f",
            title="Permutation importance", unit="rise of the log loss",
        )  # fmt: skip

    return Picture("importance", says, draw, height=tall(len(found)))


def all_pictures(manifest: Manifest, card: Card | None) -> Iterator[tuple[str, Picture]]:
    """Section and picture, in the page's order."""
    made = [("Answers", confusion(manifest))]
    if card is not None:
        made += [
            ("Answers", curves(card)),
            ("Answers", calibration(card, manifest.verdict.candidate)),
            ("What it listens to", importance(card)),
            ("Training", learning(card)),
        ]
    for section, picture in made:
        if picture is not None:
            yield section, picture
