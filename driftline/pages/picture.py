"""A picture of a page: drawn by matplotlib without a screen, once in each theme."""

import importlib.util
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from driftline.errors import UsageError

DPI = 110


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a picture."""

    ink: str
    soft: str
    line: str
    back: str
    series: tuple[str, ...]
    sequential: str
    diverging: str


# The series are Okabe and Ito's colours (2008), told apart by colour-blind readers too, each fit for its background.
LIGHT = Theme(
    ink="#1c2430",
    soft="#5a6675",
    line="#d8dee6",
    back="#ffffff",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#5a6675", "#7b3fa0"),
    sequential="YlOrRd",
    diverging="RdBu_r",
)
DARK = Theme(
    ink="#e4e9f0",
    soft="#9aa7b6",
    line="#36404d",
    back="#14191f",
    series=("#56b4e9", "#ff9d5c", "#2fc79a", "#e5a0c8", "#f0e442", "#8cc8ff", "#9aa7b6", "#b48ade"),
    sequential="inferno",
    diverging="berlin",
)

Draw = Callable[[Any, Theme], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure.

    Attributes
    ----------
    name : its file's name, without `.png`: of our own making, never from a user's file.
    says : what is to be seen, in words: the caption, and what a screen reader reads.
    draw : draws into a `matplotlib.figure.Figure`, in a theme.
    width, height : inches.
    """

    name: str
    says: str
    draw: Draw
    width: float = 9.0
    height: float = 4.0

    @property
    def width_px(self) -> int:
        """Width of the PNG in pixels."""
        return round(self.width * DPI)

    def png(self, *, dark: bool) -> bytes:
        """The picture as PNG; the same bytes for the same data.

        Raises
        ------
        UsageError : matplotlib is not installed.
        """
        require_matplotlib()
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        theme = DARK if dark else LIGHT
        with matplotlib.rc_context(_settings(theme)):
            figure = Figure(figsize=(self.width, self.height), dpi=DPI, layout="constrained")
            FigureCanvasAgg(figure)
            self.draw(figure, theme)
            out = io.BytesIO()
            figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


def require_matplotlib() -> None:
    """Raise UsageError unless pictures can be drawn: before the work whose pictures they are to be."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("pictures need matplotlib; it comes with pip install 'driftline[plots]'")


def plain(text: str, longest: int = 24) -> str:
    """A name from a user's file as matplotlib may draw it: short, and no `$` that would begin a formula.

    >>> plain("cost in $ per day of the whole plant")
    'cost in \\\\$ per day of th…'
    """
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    text = text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
    return text.replace("$", r"\$")


def _settings(theme: Theme) -> dict[str, Any]:
    return {
        "figure.facecolor": theme.back,
        "savefig.facecolor": theme.back,
        "axes.facecolor": theme.back,
        "axes.edgecolor": theme.line,
        "axes.labelcolor": theme.soft,
        "axes.titlecolor": theme.ink,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.labelsize": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": theme.line,
        "grid.linewidth": 0.7,
        "text.color": theme.ink,
        "xtick.color": theme.soft,
        "ytick.color": theme.soft,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "legend.labelcolor": theme.ink,
        "font.family": ["DejaVu Sans"],
        "text.usetex": False,
    }
